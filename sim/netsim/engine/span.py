"""The time of one request, taken apart without gaps: every picosecond has one name."""

from __future__ import annotations

Parts = dict[str, int]


class Span:
    """Accounts for the time from ``start_ps`` on. The parts always sum to ``at - start``."""

    __slots__ = ("parts", "at")

    def __init__(self, start_ps: int) -> None:
        self.parts: Parts = {}
        self.at = start_ps

    def fill(self, what: str, now_ps: int) -> None:
        """Everything not yet accounted for, up to now, went into ``what``."""
        if now_ps > self.at:
            self.parts[what] = self.parts.get(what, 0) + now_ps - self.at
            self.at = now_ps

    def take(self, parts: Parts, rest: str, now_ps: int) -> None:
        """The time up to now is what ``parts`` says (started at or after the last call); the rest is ``rest``."""
        known = self.parts
        total = 0
        for name, ps in parts.items():
            known[name] = known.get(name, 0) + ps
            total += ps
        left = now_ps - self.at - total
        if left:
            known[rest] = known.get(rest, 0) + left
        self.at = now_ps
