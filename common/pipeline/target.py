# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
"""What graphs are compiled for: this repository's baseline CPU, or a GPU that need not be here."""

from __future__ import annotations

from dataclasses import dataclass

from max.driver import DeviceSpec
from max.graph import DeviceRef

from common.errors import PortError

#: So that an artifact runs wherever it is carried: AVX2, on every server CPU since 2015.
BASELINE_CPU = "x86-64-v3"

#: Architectures of GPUs that MAX compiles for, by the names of Bazel's lanes.
LANES = {
    "a100": "cuda:sm_80",
    "l4": "cuda:sm_89",
    "h100": "cuda:sm_90a",
    "b200": "cuda:sm_100a",
    "mi300x": "hip:gfx942",
    "mi355x": "hip:gfx950",
}


@dataclass(frozen=True)
class Target:
    """A device to compile for.

    Attributes:
        name: ``cpu``, or an API and an architecture such as ``cuda:sm_90a``.
    """

    name: str = "cpu"

    @classmethod
    def named(cls, name: str) -> Target:
        """Returns the target of a name that a person gave.

        Raises:
            PortError: If there is none.
        """
        if name != "cpu" and name not in LANES.values():
            known = ", ".join(["cpu", *sorted(LANES.values())])
            raise PortError(f"no target {name!r}; MAX compiles for {known}")
        return cls(name)

    @classmethod
    def of(cls, device: DeviceRef) -> Target:
        """Returns the target that a device of this machine is, or stands in for."""
        from max.driver import accelerator_api, accelerator_architecture_name

        if device.is_cpu():
            return cls()
        return cls(f"{accelerator_api()}:{accelerator_architecture_name()}")

    @property
    def devices(self) -> str:
        """MAX's name for the kind of device."""
        return "cpu" if self.name == "cpu" else "gpu"

    @property
    def spec(self) -> DeviceSpec:
        """MAX's spec of the device."""
        return DeviceSpec.cpu() if self.name == "cpu" else DeviceSpec.accelerator()

    @property
    def encoding(self) -> str:
        """What is compiled for it: what a CPU computes in, and what GPUs serve in."""
        return "float32" if self.name == "cpu" else "bfloat16"

    def stand_in(self) -> None:
        """Makes the process compile for it, present or not.

        To be called before MAX sees any device: it looks once. With a virtual GPU, nothing runs.
        """
        from max import driver

        driver.set_virtual_cpu_target(BASELINE_CPU)
        if self.name == "cpu":
            return
        api, arch = self.name.split(":")
        driver.set_virtual_device_api(api)
        driver.set_virtual_device_target_arch(arch)
        driver.set_virtual_device_count(1)
