"""What memberlist and NetworkDB have in common: queues of messages that spread by random fan-out with a limit of
retransmissions, over all nodes at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def retransmits(multiplier: int, members: int) -> int:
    """How often a node sends a message: multiplier x ceil(log10(n + 1))."""
    return multiplier * math.ceil(math.log10(members + 1))


class Broadcasts:
    """Messages (rows) at nodes (columns): who knows what, and how often each will still send it."""

    def __init__(self, nodes: int, per_packet: int) -> None:
        self.nodes = nodes
        self.per_packet = per_packet
        self.known = np.zeros((0, nodes), np.bool_)
        self.left = np.zeros((0, nodes), np.int16)
        self.what: list[tuple[int, ...]] = []
        self.under_way: list[
            tuple[int, tuple[int, ...], int]
        ] = []  # those that arrive later: when, what, where
        self.at: dict[tuple[int, ...], int] = {}
        # Of the last tick, by node: packets that it sent, and messages in them.
        self.packets, self.messages = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)

    def put(self, what: tuple[int, ...], node: int, times: int) -> bool:
        """Node ``node`` begins to spread a message; False if it knows it already."""
        if what not in self.at:
            self.at[what] = len(self.what)
            self.what.append(what)
            if len(self.what) > len(self.known):
                more = max(16, len(self.known))
                self.known = np.vstack([self.known, np.zeros((more, self.nodes), np.bool_)])
                self.left = np.vstack([self.left, np.zeros((more, self.nodes), np.int16)])
        row = self.at[what]
        if self.known[row, node]:
            return False
        self.known[row, node], self.left[row, node] = True, times
        return True

    def drop(self, keep: Callable[[tuple[int, ...]], bool]) -> None:
        """Forget messages that are no longer of use."""
        rows = [k for k, what in enumerate(self.what) if keep(what)]
        if len(rows) < len(self.what):
            self.known, self.left = self.known[rows], self.left[rows]
            self.what = [self.what[k] for k in rows]
            self.at = {what: k for k, what in enumerate(self.what)}

    def tick(
        self,
        luck: np.random.Generator,
        senders: Bools,
        targets: Callable[[Ints], Ints],
        arrive: Callable[[Ints, Ints], Bools],
        fanout: int,
        *,
        each: bool = False,
        delay: Callable[[Ints, Ints], Ints] | None = None,
        now: int = 0,
        soon: int = 0,
    ) -> tuple[Ints, Ints]:
        """Everyone sends one packet to ``fanout`` members; (message, node) pairs that arrived and were new. ``each``: every
        member's packet is a transmission of its own, as memberlist counts, and not all of a tick together, as NetworkDB does.
        What takes longer than ``soon`` arrives at its own time."""
        none = np.zeros(0, np.int64)
        messages, nodes, active, sent = [none], [none], none, np.zeros((0, 0), np.bool_)
        self.packets[:] = self.messages[:] = 0
        for number in range(fanout):
            if number == 0 or each:
                active, sent = self._packets(luck, senders)
            if not len(active):
                break
            self.packets[active] += 1
            self.messages[active] += sent.sum(axis=0)
            to = targets(active)
            there = arrive(active, to) & (to != active)
            late = None if delay is None else delay(active, to)
            if late is not None and (late > soon).any():
                for row, column in np.argwhere(sent & there & (late > soon)).tolist():
                    self.under_way.append((now + int(late[column]), self.what[row], int(to[column])))
                there &= late <= soon
            rows, columns = np.nonzero(sent & there)
            messages.append(rows)
            nodes.append(to[columns])
        if self.under_way:
            rows, columns = self._arrived(now, senders)
            messages.append(rows)
            nodes.append(columns)
        message, node = np.concatenate(messages), np.concatenate(nodes)
        new = ~self.known[message, node]
        message, node = message[new], node[new]
        pairs = np.unique(message * self.nodes + node)
        return pairs // self.nodes, pairs % self.nodes

    def _arrived(self, now: int, live: Bools) -> tuple[Ints, Ints]:
        """What was under way and is there now, of messages that are still of use."""
        there = [
            (self.at[what], node)
            for due, what, node in self.under_way
            if due <= now and what in self.at and live[node]
        ]
        self.under_way = [one for one in self.under_way if one[0] > now]
        found = np.array(there, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _packets(self, luck: np.random.Generator, senders: Bools) -> tuple[Ints, Bools]:
        """Who sends, and which messages (rows) are in each one's packet; they count as transmitted."""
        count = len(self.what)
        left = self.left[:count]
        active = np.flatnonzero((left > 0).any(axis=0) & senders)
        sent: Bools = left[:, active] > 0
        if count > self.per_packet and len(active):
            # The least transmitted go first: what has the most transmissions left.
            order = np.where(
                sent, -left[:, active].astype(np.float64) + luck.random(sent.shape) * 0.5, np.inf
            )
            cut = np.partition(order, self.per_packet - 1, axis=0)[self.per_packet - 1]
            sent &= order <= cut
        left[:, active] -= sent
        return active, sent
