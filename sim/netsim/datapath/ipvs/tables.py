"""The tables of one network namespace, for callers in Python: services, destinations, choices."""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.compiled import entry, pointer
from netsim.datapath.ipvs import dispatch, service
from netsim.datapath.ipvs.layout import (
    DE_ACTIVE,
    DE_ADDRESS,
    DE_INACTIVE,
    DE_NEXT,
    DE_PORT,
    DE_WEIGHT,
    DE_WHO,
    FL_NOW,
    FL_RANDOM,
    FL_RANDOM_2,
    FL_SOURCE,
    FL_SOURCE_PORT,
    FL_TARGET,
    SV_CELLS,
    SV_CHANGED,
    SV_FLAGS,
    SV_HEAD,
    SV_SCHEDULE,
    SV_SCHEDULER,
    SV_START,
    SV_TABLE,
    W_DEST,
    W_FLOW,
    W_SERVICE,
)
from netsim.datapath.ipvs.plugged import placed

_START, _ADD, _CHANGE, _REMOVE, _BIND, _TURN, _UNBIND, _SCHEDULE = range(8)


@entry
def _call(memory: Any, what: Any, s: Any, d: Any, a: Any, b: Any, c: Any) -> Any:
    M = pointer(memory)
    if what == _SCHEDULE:
        return dispatch.schedule(M, s, d)
    if what == _START:
        dispatch.start(M, s)
    elif what == _ADD:
        service.add(M, s, d, a, b, c)
    elif what == _CHANGE:
        service.change(M, s, d, a, b, c)
    elif what == _REMOVE:
        service.remove(M, s, d)
    elif what == _BIND:
        service.bind(M, d, a)
    elif what == _TURN:
        service.turn(M, d, a)
    elif what == _UNBIND:
        service.unbind(M, d, a)
    return -1


class Service:
    """One virtual service. Destinations are known by numbers of the caller's (``who``).

    ``most``: how many different destinations it will ever have. ``flags``: `layout.FALLBACK` | `layout.BY_PORT`.
    Addresses are 32-bit integers in host order.
    """

    def __init__(self, scheduler: str, most: int, flags: int = 0) -> None:
        number, cells, addresses = placed(scheduler, most)
        table = W_FLOW + W_SERVICE
        self.M: npt.NDArray[np.int64] = np.zeros(table + cells + most * W_DEST, np.int64)
        self._flow, self._s = 0, W_FLOW
        self._free = table + cells
        self._offset: dict[int, int] = {}
        M, s = self.M, self._s
        M[s + SV_SCHEDULER], M[s + SV_FLAGS], M[s + SV_HEAD] = number, flags, -1
        M[s + SV_TABLE], M[s + SV_CELLS] = table, cells
        M[s + SV_SCHEDULE], M[s + SV_START], M[s + SV_CHANGED] = addresses
        self._do(_START)

    def copy(self) -> Service:
        """The same tables once more."""
        found = object.__new__(Service)
        found.__dict__ = {**self.__dict__, "M": self.M.copy(), "_offset": dict(self._offset)}
        return found

    def _do(self, what: int, d: int = 0, a: int = 0, b: int = 0, c: int = 0) -> int:
        return int(_call(self.M, what, self._s, d, a, b, c))

    def add(self, who: int, weight: int, address: int, port: int = 0, upper: int = 0, lower: int = 0) -> None:
        """A destination; one that was removed keeps its counters."""
        if who not in self._offset:
            self._offset[who] = self._free
            self._free += W_DEST
        d = self._offset[who]
        self.M[d + DE_WHO], self.M[d + DE_ADDRESS], self.M[d + DE_PORT] = who, address, port
        self._do(_ADD, d, weight, upper, lower)

    def knows(self, who: int) -> bool:
        """Whether it was ever added."""
        return who in self._offset

    def change(self, who: int, weight: int, upper: int = 0, lower: int = 0) -> None:
        """Another weight or other thresholds."""
        self._do(_CHANGE, self._offset[who], weight, upper, lower)

    def remove(self, who: int) -> None:
        """It goes; its counters stay, should it come back."""
        self._do(_REMOVE, self._offset[who])

    def choose(
        self, source: int, source_port: int, target: int, now_ps: int = 0, random: tuple[int, int] = (0, 0)
    ) -> int | None:
        """Who gets a new connection; None if nobody. ``random``: two numbers of 32 bits, for ``twos``."""
        M, f = self.M, self._flow
        M[f + FL_SOURCE], M[f + FL_SOURCE_PORT], M[f + FL_TARGET], M[f + FL_NOW] = (
            source,
            source_port,
            target,
            now_ps,
        )
        M[f + FL_RANDOM], M[f + FL_RANDOM_2] = random
        d = self._do(_SCHEDULE, f)
        return None if d < 0 else int(M[d + DE_WHO])

    def bind(self, who: int, active: bool = True) -> None:
        """A connection begins; TCP counts as active from its SYN on (tcp_state_active_table, since Linux 4.8)."""
        self._do(_BIND, self._offset[who], int(active))

    def turn(self, who: int, active: bool) -> None:
        """A connection becomes active or inactive."""
        self._do(_TURN, self._offset[who], int(active))

    def unbind(self, who: int, active: bool) -> None:
        """A connection's entry is over."""
        self._do(_UNBIND, self._offset[who], int(active))

    def counters(self) -> dict[int, tuple[int, int, int]]:
        """Weight, active and inactive connections of each destination in the list, the newest first."""
        found, M = {}, self.M
        d = int(M[self._s + SV_HEAD])
        while d >= 0:
            found[int(M[d + DE_WHO])] = (
                int(M[d + DE_WEIGHT]),
                int(M[d + DE_ACTIVE]),
                int(M[d + DE_INACTIVE]),
            )
            d = int(M[d + DE_NEXT])
        return found
