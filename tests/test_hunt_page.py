# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page of a hunt, in a real browser: whole, light and dark, and no wider than a phone."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hunt.diagnosis import ROUNDING, Cause, differences
from hunt.divergence import Hunt
from tools.prove.page import COLUMNS, SHADES, page, plot, rows, shade

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
MEASURE = """<script>
document.body.dataset.found = [document.documentElement.scrollWidth, innerWidth,
  matchMedia("(prefers-color-scheme: dark)").matches,
  getComputedStyle(document.body).backgroundColor,
  document.querySelectorAll(".cells i").length, performance.getEntriesByType("resource").length
].join("|");
</script></body>"""


@functools.cache
def browser() -> str:
    """Returns a Chromium; where there is none, Debian's is installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True}
        subprocess.run(["apt-get", "update"], **quiet)  # type: ignore[call-overload]
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", BROWSERS[0]],
            **quiet,  # type: ignore[call-overload]
        )
        found = shutil.which(BROWSERS[0])
    if found is None:
        pytest.fail(f"no browser: none of {', '.join(BROWSERS)} is here, nor can be installed")
    return found


def run(*arguments: str, dark: bool, width: int, home: Path) -> str:
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    ran = subprocess.run(
        [
            *(browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={home}", f"--window-size={width},1600", *scheme, *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-500:]
    return ran.stdout


def a_hunt(layers: int = 4, tokens: int = 200, evidence: str = "measured") -> Hunt:
    rng = np.random.default_rng(0)
    names = ["embed_tokens"]
    for i in range(layers):
        names += [f"layers.{i}.{part}" for part in ("input_layernorm", "self_attn.q_rotated")]
        names += [f"layers.{i}"]
    exact = {name: rng.normal(size=(tokens, 48)).astype(np.float32) for name in names}
    wrong = dict(exact)
    for name in names[names.index("layers.1.self_attn.q_rotated") :]:
        noise = rng.normal(size=(tokens, 48)) * np.linspace(0, 1, tokens)[:, None]
        wrong[name] = (exact[name] + noise).astype(np.float32)
    found = Hunt("smollm3", "float32", list(range(tokens)), tokens)
    found.prefilled = differences(wrong, exact, ROUNDING["float32"])
    found.phase = "prefill"
    found.symptoms = ["grows-with-position"]
    found.causes = [Cause("rope-theta", 1.0, evidence), Cause("rope-scaling", 0.4, "usual")]
    return found


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return Path(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", tmp_path))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200], ids=["phone", "desk"])
def test_the_page_in_a_browser(dark: bool, width: int, tmp_path: Path, artifacts: Path) -> None:
    text = page(a_hunt(layers=12), "checkpoints/SmolLM3-3B")
    file, measured = tmp_path / "hunt.html", tmp_path / "measured.html"
    file.write_text(text)
    measured.write_text(text.replace("</body>", MEASURE))
    home = tmp_path / "home"
    dom = run("--dump-dom", measured.as_uri(), dark=dark, width=width, home=home)
    match = re.search(r'data-found="([^"]*)"', dom)
    assert match
    content, window, is_dark, background, cells, loaded = match[1].split("|")
    assert int(content) <= int(window) == width
    assert is_dark == str(dark).lower()
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    assert int(cells) > 12 * COLUMNS
    assert loaded == "0"
    name = f"hunt-{width}-{'dark' if dark else 'light'}.png"
    run(f"--screenshot={artifacts / name}", file.as_uri(), dark=dark, width=width, home=home)
    assert (artifacts / name).stat().st_size > 20_000


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    text = page(a_hunt(), "here")
    assert not re.search(r"<script|<link|<img|@import|url\(|https?:", text)


def test_the_diagnosis_is_on_top() -> None:
    text = page(a_hunt(), "here")
    order = ["layers.1.self_attn.q_rotated", 'id="diagnosis"', 'id="layers"', 'id="lines"']
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "rope-theta" in text
    assert "a guess" in text


def test_what_a_checkpoint_says_is_not_markup() -> None:
    text = page(a_hunt(evidence="<script>alert(1)</script>"), "<b>here</b>")
    assert "<script" not in text
    assert "<b>" not in text


def test_a_clean_page_and_one_without_a_reference() -> None:
    clean = a_hunt()
    clean.prefilled, clean.phase, clean.causes = clean.prefilled[:3], "", []
    assert "No divergence" in page(clean, "here")
    refused = Hunt("smollm3", "float32", [1], 1, oracle=["its logits differ"])
    text = page(refused, "here")
    assert "not to be believed" in text
    assert "its logits differ" in text


def test_the_heat_map_has_a_row_for_each_layer_and_marks_the_first() -> None:
    layers, tensors = rows(a_hunt(layers=6, tokens=300))
    assert [row.name for row in layers] == ["embed_tokens", *(f"layers.{i}" for i in range(6))]
    assert [row.name for row in layers if row.first] == ["layers.1"]
    assert [row.name for row in tensors if row.first] == ["layers.1.self_attn.q_rotated"]
    assert all(len(row.cells) == COLUMNS for row in layers)
    assert all(cell.shade == 0 for cell in layers[1].cells)
    assert layers[2].cells[-1].shade > layers[2].cells[4].shade > 0


def test_shades_and_lines_stay_in_their_boxes() -> None:
    assert [shade(e, 1e-5) for e in (0.0, 1e-5, float("inf"), 5.0)] == [0, 0, SHADES, SHADES]
    assert 1 <= shade(1e-4, 1e-5) < shade(1e-1, 1e-5) < SHADES
    drawn = plot("x", [0.0, float("inf"), 1e-3], [1e-5] * 3, ("a", "b"))
    heights = [float(point.split(",")[1]) for point in re.split(" L|M", drawn.path)[1:]]
    assert min(heights) == 0
    assert max(heights) == 200
