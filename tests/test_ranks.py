# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoders divided over ranks: how weights are cut, what is refused, which collectives run.

That the logits are the oracle's is each port's own test; here faults are planted, to be seen.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from max.graph import DeviceRef
from max.nn.norm import RMSNorm

from architectures import load_port, slugs
from common.compiled.target import LANES, Target
from common.config import span
from common.declaration import PROMPTS
from common.errors import PortError
from common.layers import QKNormAttention, ranks
from common.layers.ranks import PerRank, starts_of
from proof.batch import Batch
from proof.checkpoints import fixture_config, write_checkpoint
from proof.dry import dry_build
from proof.harness import build
from proof.oracle import Oracle
from proof.parity import compare, disagreements
from proof.ranked import forms
from tests.support import ports_here, write_config
from tools.read.fit import counts

CPU = DeviceRef.CPU()


@given(st.integers(1, 300_000), st.integers(1, 8))
def test_shares_tile_the_whole(total: int, count: int) -> None:
    shares = [span(total, rank, count) for rank in range(count)]
    assert shares[0][0] == 0
    assert shares[-1][1] == total
    assert all(before[1] == after[0] for before, after in itertools.pairwise(shares))
    sizes = {end - first for first, end in shares}
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 64), st.sampled_from([16, 64, 128]), st.integers(1, 8))
def test_heads_on_several_ranks_are_those_of_their_queries(
    kv_heads: int, head_dim: int, count: int
) -> None:
    if kv_heads % count and count % kv_heads:
        return
    each = max(1, kv_heads // count)
    starts = starts_of(kv_heads * head_dim, [each * head_dim] * count)
    # Queries go to ranks in order, so a rank's first query is this share of the way.
    assert starts == [rank * kv_heads // count * head_dim for rank in range(count)]


@given(st.integers(1, 128), st.integers(1, 128))
def test_the_counts_that_are_offered_are_those_that_do(heads: int, kv_heads: int) -> None:
    config = dry_config()
    config = dataclasses.replace(config, num_attention_heads=heads, num_key_value_heads=kv_heads)
    offered = counts(heads, kv_heads)
    for count in range(1, 9):
        try:
            config.check_ranks(count)
        except PortError:
            assert count not in offered
        else:
            assert count in offered


def dry_config() -> Any:
    port = load_port("smollm3")
    return port.architecture().config.from_huggingface(fixture_config(port, port.fixtures[0]))


def test_what_does_not_divide_is_refused_before_anything_compiles() -> None:
    config = dataclasses.replace(dry_config(), num_attention_heads=36, num_key_value_heads=4)
    with pytest.raises(PortError) as refused:
        config.check_ranks(8)
    assert str(refused.value) == (
        "36 attention heads and 4 key-value heads (config.json) do not divide over 8 devices;"
        " 1, 2, 4, 12, 36 would do"
    )


def test_a_norm_over_all_heads_is_refused() -> None:
    port = load_port("smollm3")
    architecture, config = port.architecture(), fixture_config(port, port.fixtures[0])

    def normed(config: Any) -> Any:
        decoder_cls = architecture.pipeline_model.decoder_cls

        class Normed(decoder_cls):  # type: ignore[misc, valid-type]
            def attention_of(self, i: int, **parts: Any) -> Any:
                heads = self.config.num_attention_heads * self.config.head_dim
                norms = {n: RMSNorm(heads, self.config.dtype) for n in ("q_norm", "k_norm")}
                return QKNormAttention(self.config, i, **norms, **parts)

        return Normed(config)

    decoder = dry_build(architecture, config, normed, devices=[CPU, CPU])
    with pytest.raises(PortError, match=r"layers\.0\.self_attn\.q_norm normalises over all heads"):
        ranks.Ranks(decoder)


def test_values_of_ranks_combine_rank_by_rank() -> None:
    both = PerRank([1, 2]) + PerRank([10, 20])
    assert (both, both + 1, 2 * both) == ((11, 22), (12, 23), (22, 44))


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("tpu", "no device 'tpu'; say cpu, gpu, or several as gpu:0,1"),
        ("gpu:0,0", "--device gpu:0,0 names one device twice"),
        ("gpu:0,1,2", "4 attention heads and 2 key-value heads"),
    ],
)
def test_serve_refuses_devices_in_a_line(
    device: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = load_port("smollm3")
    directory = write_checkpoint(port, port.fixtures[0], tmp_path / "model")
    code, _, err = ports_here(capsys, "serve", str(directory), "--device", device)
    assert code == 2
    assert said in err.splitlines()[-1]


def test_inspect_and_plan_count_devices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = {"architectures": ["CohereForCausalLM"], "model_type": "cohere", "vocab_size": 256000}
    large |= {"hidden_size": 12288, "intermediate_size": 33792, "num_hidden_layers": 64}
    large |= {"num_attention_heads": 96, "num_key_value_heads": 8, "tie_word_embeddings": True}
    write_config(tmp_path / "model", large)
    _, out, _ = ports_here(capsys, "inspect", str(tmp_path / "model"))
    assert "fits 4 of them; a port divides over these" in out
    _, out, _ = ports_here(capsys, "plan", str(tmp_path / "model"))
    assert "4 GPUs, as --device gpu:0,1,2,3" in out


_VIRTUAL = """
import json, re, sys
from common.compiled.target import Target
from max import driver
Target("cuda:sm_90a").stand_in()
driver.set_virtual_device_count(4)
from max.graph import DeviceRef
from architectures import load_port, slugs
from proof.checkpoints import fixture_config
from proof.dry import dry_build, dry_trace

found = {}
for slug in slugs():
    port = load_port(slug)
    for fixture in port.fixtures:
        for count in (1, 2, 4):
            devices = [DeviceRef.GPU(i) for i in range(count)]
            architecture = port.architecture(fixture.class_name)
            decoder = dry_build(architecture, fixture_config(port, fixture), devices=devices)
            text = str(dry_trace(decoder))
            ops = re.findall(r"mo\\.distributed\\.(\\w+)", text)
            found[f"{slug} {fixture.name} {count}"] = [
                decoder.config.num_hidden_layers, *(ops.count(n) for n in
                ("allreduce", "allgather", "broadcast")), len(set(ops))]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def collectives() -> dict[str, list[int]]:
    """What each fixture's graph has, over 1, 2 and 4 virtual H100s: layers, then collectives."""
    command = [sys.executable, "-W", "ignore", "-P", "-c", _VIRTUAL]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=dict(os.environ)
    )
    found: dict[str, list[int]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_two_sums_a_layer_and_no_other_traffic(collectives: dict[str, list[int]]) -> None:
    for name, (layers, sums, gathers, broadcasts, kinds) in collectives.items():
        if name.endswith(" 1"):
            assert kinds == 0, name
        else:
            # And one of the embedding; the logits are gathered, tokens and offsets are sent.
            assert (sums, gathers, broadcasts, kinds) == (2 * layers + 1, 1, 2, 3), name
    assert len(collectives) == 3 * sum(len(load_port(slug).fixtures) for slug in slugs())


@pytest.mark.parametrize("slug", slugs())
def test_every_fixture_is_divided_in_two_and_one_shares_heads(slug: str) -> None:
    port = load_port(slug)
    found = [[form.ranks for form in forms(port, f, Target())] for f in port.fixtures]
    assert all(ranks in ([1, 2], [1, 2, 4]) for ranks in found)
    assert found.count([1, 2, 4]) <= 1
    pair = [[form.ranks for form in forms(port, f, LANES["h100x2"])] for f in port.fixtures]
    assert pair == [[1]] * len(found)


def test_most_ports_share_heads() -> None:
    found = {
        slug: {form.ranks for f in port.fixtures for form in forms(port, f, Target())}
        for slug, port in ((slug, load_port(slug)) for slug in slugs())
    }
    assert sum(4 in ranks for ranks in found.values()) > 6


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    """Pipelines with a fault each, compiled together."""
    port, root = load_port("smollm3"), tmp_path_factory.mktemp("faulty")
    (biased,) = (f for f in port.fixtures if f.config.get("attention_bias"))
    batch, made = Batch(), {}
    right = ranks.starts_of

    def wrong(whole: int, widths: Sequence[int]) -> list[int]:
        return right(whole, widths) if sum(widths) == whole else [0] * len(widths)

    for name, where, what, fault, count in (
        ("a bias on both ranks", ranks.Ranks, "_bias_once", staticmethod(lambda parts: None), 2),
        ("the first key-value head on all ranks", ranks, "starts_of", wrong, 4),
    ):
        path = write_checkpoint(port, biased, root / name)
        with mock.patch.object(where, what, fault), batch.collecting(name):
            made[name] = build(path, max_batch_size=len(PROMPTS), ranks=count), path
    batch.compile()
    return made


@pytest.mark.parametrize("name", ["a bias on both ranks", "the first key-value head on all ranks"])
def test_a_planted_fault_is_seen(name: str, faulty: dict[str, tuple[Any, Path]]) -> None:
    model, path = faulty[name]
    found = list(disagreements(compare(model, Oracle(path), name)))
    assert any("σ >" in line for line in found)
