"""Colours: apart for the colour-blind, and readable when printed."""

from __future__ import annotations

from collections.abc import Iterable

INK = "#1f2933"
AXIS = "#d9dee3"
#: Lines and whiskers that are seen on white and on black.
GRID = "rgba(128,138,150,0.28)"
WHISKER = "#7b8794"
OTHER = "#7b8794"
#: A bar that is not taken apart.
PLAIN = "#c3d0dc"
#: Okabe and Ito's palette, without its yellow, which is too light on white.
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5c4d9a", "#7a5230")
#: Waiting is always in warm colours, service in cool ones.
_WAITING = ("#d55e00", "#e69f00", "#c2185b", "#a65628", "#f28e6b", "#b07aa1")
_SERVICE = ("#0072b2", "#56b4e9", "#009e73", "#5c4d9a", "#76b7b2", "#4e79a7", "#8cd17d", "#86868b", "#2f6f4f")
KIND_COLOURS = {
    "node_cpu": "#0072b2",
    "workers": "#009e73",
    "nic_tx": "#d55e00",
    "nic_rx": "#e69f00",
    "switch": "#5c4d9a",
}


#: Bands of utilisation (from, to, colour), apart for the colour-blind too.
HEAT = (
    (0.0, 0.3, "#e8f1f8"), (0.3, 0.5, "#9ecae1"), (0.5, 0.7, "#2f7ab5"), (0.7, 0.9, "#e69f00"), (0.9, 1.0, "#9c2a00"),
)  # fmt: skip
WAITS, WORKS = "#d55e00", "#0072b2"


def series_colour(k: int) -> str:
    """The colour of the k-th line."""
    return _SERIES[k % len(_SERIES)]


def stage_colours(stages: Iterable[str]) -> dict[str, str]:
    """A colour for each stage, in order of appearance; ``other`` is grey and last."""
    names = list(dict.fromkeys(stages))
    found: dict[str, str] = {}
    waiting = service = 0
    for name in names:
        if name == "other":
            continue
        if name.startswith("queue:"):
            found[name] = _WAITING[waiting % len(_WAITING)]
            waiting += 1
        else:
            found[name] = _SERVICE[service % len(_SERVICE)]
            service += 1
    if "other" in names:
        found["other"] = OTHER
    return found
