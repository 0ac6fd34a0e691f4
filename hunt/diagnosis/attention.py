# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules for attention: which scale, window, cap and grouping of heads gives each side's context.

q, k and v are those of the reference, which the port's equal up to here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from .scene import Cause, Float, Rule, Scene

#: More tokens than this make a search slow, and show nothing new.
TOKENS = 256


@dataclass(frozen=True)
class Settings:
    """How attention is computed.

    Attributes:
        scale: Factor on the scores.
        window: How many tokens are seen, oneself among them; 0 for all.
        softcap: The bound of scores; 0 for none.
        tiled: Whether query head i meets key-value head i modulo their number.
        causal: Whether later tokens are hidden.
        sink: A score that stands for no token; None if there is none.
    """

    scale: float
    window: int = 0
    softcap: float = 0.0
    tiled: bool = False
    causal: bool = True
    sink: float | None = None

    def __str__(self) -> str:
        parts = [f"scale {self.scale:.4g}"]
        parts += [f"window {self.window}"] if self.window else []
        parts += [f"scores capped at {self.softcap:.3g}"] if self.softcap else []
        parts += ["key-value heads in turn"] if self.tiled else []
        parts += [] if self.causal else ["later tokens seen"]
        parts += [] if self.sink is None else [f"a sink of {self.sink:.3g}"]
        return ", ".join(parts)


def attend(q: Float, k: Float, v: Float, settings: Settings) -> Float:
    """Returns the context, ``[tokens, heads * head_dim]``, of ``[tokens, heads, head_dim]``."""
    groups = q.shape[1] // k.shape[1]
    heads = np.arange(q.shape[1])
    of = heads % k.shape[1] if settings.tiled else heads // groups
    scores = np.einsum("thd,shd->hts", q, k[:, of]) * settings.scale
    if settings.softcap:
        scores = settings.softcap * np.tanh(scores / settings.softcap)
    distance = np.arange(len(q))[:, None] - np.arange(len(k))[None]
    seen = distance >= 0 if settings.causal else np.ones_like(distance, bool)
    if settings.window:
        seen &= distance < settings.window
    scores = np.where(seen, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    if settings.sink is not None:
        top = np.maximum(top, settings.sink)
    weights = np.exp(scores - top)
    total = weights.sum(-1, keepdims=True)
    if settings.sink is not None:
        total = total + np.exp(settings.sink - top)
    return np.einsum("hts,shd->thd", weights / total, v[:, of]).reshape(len(q), -1)


class Search:
    """Looks for the settings that give a context.

    Args:
        scene: The divergence.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        owner, dim = scene.owner, scene.head_dim
        names = (f"{owner}.q_rotated", f"{owner}.k_cached", f"{owner}.v_proj")
        self.complete = all(name in scene.reference for name in names)
        if self.complete:
            q, k, v = (scene.reference[name][:TOKENS] for name in names)
            self.q, self.k, self.v = (
                t.reshape(len(t), -1, dim).astype(np.float64) for t in (q, k, v)
            )
        self.rows = scene.rows

    def context(self, settings: Settings) -> Float:
        """Returns the context on the tokens in question."""
        return attend(self.q, self.k, self.v, settings)[self.rows]

    def error(self, settings: Settings, target: Float) -> float:
        """Returns the relative error that settings leave."""
        made = self.context(settings)
        target = target[: len(made)]
        return float(np.linalg.norm(target - made)) / max(float(np.linalg.norm(target)), 1e-30)

    def best(self, target: Float, start: Settings) -> tuple[Settings, float]:
        """Changes one setting after another while that helps."""
        best, left = start, self.error(start, target)
        for _ in range(2):
            if left < max(4 * self.scene.noise, 1e-5):
                break
            found = [(self.error(s, target), s) for s in self._changes(best, target)]
            error, settings = min(found, key=lambda pair: pair[0])
            if error > 0.7 * left:
                break
            best, left = settings, error
        return best, left

    def _changes(self, settings: Settings, target: Float) -> Iterator[Settings]:
        numbers = {abs(v) for v in self.scene.config.values() if v}
        for window in range(1, len(self.q)):
            yield replace(settings, window=window)
        yield replace(settings, window=0)
        yield replace(settings, causal=not settings.causal)
        if self.k.shape[1] not in (1, self.q.shape[1]):
            yield replace(settings, tiled=not settings.tiled)
        dim = self.scene.head_dim
        for scale in (1.0, dim**-0.5, 1.0 / dim, *numbers, *(v**-0.5 for v in numbers)):
            yield replace(settings, scale=scale)
        yield self._fit(settings, target, lambda x: replace(settings, scale=2.0**x), -12, 6)
        yield self._fit(settings, target, lambda x: replace(settings, softcap=2.0**x), -3, 8)
        yield self._fit(settings, target, lambda x: replace(settings, sink=x), -6, 6)

    def _fit(
        self,
        settings: Settings,
        target: Float,
        of: Callable[[float], Settings],
        low: float,
        high: float,
    ) -> Settings:
        for _ in range(5):
            grid = np.linspace(low, high, 9)
            at = int(np.argmin([self.error(of(float(x)), target) for x in grid]))
            low, high = grid[max(at - 1, 0)], grid[min(at + 1, 8)]
        return of(float((low + high) / 2))


#: Which setting is which cause.
CAUSES = {
    "scale": "attention-scale",
    "window": "window",
    "softcap": "attention-softcap",
    "tiled": "head-groups",
    "causal": "mask",
    "sink": "sinks",
}


def context(scene: Scene) -> Rule:
    """Compares the settings that give each side's context."""
    if scene.part != "o_proj.input":
        return
    search = Search(scene)
    if not search.complete or (scene.decoding and len(search.q) <= scene.prefill):
        return
    theirs, _ = search.best(scene.y, Settings(scene.head_dim**-0.5))
    ours, _ = search.best(scene.z, theirs)
    made = search.context(ours)
    n = len(made)
    from .scene import explained

    score = explained(scene.z[:n], scene.y[:n], made, scene.noise)
    said = f"the reference has {theirs}; the port fits {ours}"
    for field in fields(Settings):
        if getattr(ours, field.name) == getattr(theirs, field.name):
            continue
        cause = CAUSES[field.name]
        if scene.decoding and cause == "window":
            cause = "cache-window"
        number = getattr(ours, field.name)
        named = scene.scalars(number) if isinstance(number, float) and number > 0 else ""
        yield Cause(cause, score, said + named)
        if cause == "window" and not (ours.window and theirs.window):
            yield Cause("layer-pattern", 0.6 * score, said)
