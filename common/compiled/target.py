# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What graphs are compiled for: this repository's baseline CPU, or a GPU that need not be here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from max.driver import DeviceSpec
from max.dtype import DType
from max.graph import DeviceRef

from common.errors import PortError

#: So that an artifact runs wherever it is carried: AVX2, on every server CPU since 2015.
BASELINE_CPU = "x86-64-v3"


@dataclass(frozen=True)
class Target:
    """A device to compile for, or several that are alike.

    Attributes:
        name: ``cpu``, or an API and an architecture such as ``cuda:sm_90a``; of two such devices,
            ``cuda:sm_90a*2``.
        encoding: What is computed in; if none is given, float32 on a CPU, and bfloat16 on GPUs.
    """

    name: str = "cpu"
    encoding: str = ""

    def __post_init__(self) -> None:
        if not self.encoding:
            encoding = "float32" if self.name == "cpu" else "bfloat16"
            object.__setattr__(self, "encoding", encoding)

    @classmethod
    def named(cls, name: str, encoding: str = "") -> Target:
        """Returns the target that a person named.

        Raises:
            PortError: If there is none.
        """
        known = {target.name: None for target in LANES.values()}
        if name not in known:
            raise PortError(f"no target {name!r}; MAX compiles for {', '.join(known)}")
        if encoding not in ("", "float32", "bfloat16"):
            raise PortError(f"no encoding {encoding!r}; ports compute in float32 or bfloat16")
        return cls(name, encoding)

    @classmethod
    def of(cls, devices: Sequence[DeviceRef], dtype: DType) -> Target:
        """Returns the target that devices of this machine are, or stand in for."""
        from max.driver import accelerator_api, accelerator_architecture_name

        if devices[0].is_cpu():
            return cls("cpu", dtype.name)
        name, count = f"{accelerator_api()}:{accelerator_architecture_name()}", len(set(devices))
        return cls(name if count == 1 else f"{name}*{count}", dtype.name)

    @property
    def kind(self) -> str:
        """MAX's name for the kind of device."""
        return "cpu" if self.name == "cpu" else "gpu"

    @property
    def count(self) -> int:
        """How many devices."""
        return int(self.name.partition("*")[2] or 1)

    @property
    def devices(self) -> str:
        """MAX's name for the devices: ``cpu``, ``gpu``, or several as ``gpu:0,1``."""
        return self.kind if self.count == 1 else f"gpu:{','.join(map(str, range(self.count)))}"

    @property
    def dtype(self) -> DType:
        """What it computes in."""
        return DType[self.encoding]

    @property
    def specs(self) -> list[DeviceSpec]:
        """MAX's specs of the devices."""
        if self.name == "cpu":
            return [DeviceSpec.cpu()]
        return [DeviceSpec.accelerator(number) for number in range(self.count)]

    def stand_in(self) -> None:
        """Makes the process compile for it, present or not.

        To be called before MAX sees any device: it looks once. With a virtual GPU, nothing runs.
        """
        from max import driver

        driver.set_virtual_cpu_target(BASELINE_CPU)
        if self.name == "cpu":
            return
        api, arch = self.name.partition("*")[0].split(":")
        driver.set_virtual_device_api(api)
        driver.set_virtual_device_target_arch(arch)
        driver.set_virtual_device_count(self.count)


#: What graphs are compiled for, by the names of Bazel's lanes. MI300X (hip:gfx942) is not among
#: them: on it MAX 26.7.0 compiles no matmul of bfloat16 ("LLVM ERROR: Cannot select: intrinsic
#: %llvm.amdgcn.fdot2.f32.bf16"), which is an instruction of gfx950 and gfx11.
LANES = {
    "cpu": Target(),
    "bf16": Target("cpu", "bfloat16"),
    "a100": Target("cuda:sm_80"),
    "l4": Target("cuda:sm_89"),
    "h100": Target("cuda:sm_90a"),
    "h100x2": Target("cuda:sm_90a*2"),
    "b200": Target("cuda:sm_100a"),
    "mi355x": Target("hip:gfx950"),
}
