"""What a transfer has in its own host's queues, as far as the card (TCP small queues).

When that is more than the limit, the next unit waits until some has left (tcp_small_queue_check in net/ipv4/tcp_output.c).
"""

from __future__ import annotations

from collections import deque


class SmallQueue:
    """``most_bytes``: ``tcp_limit_output_bytes``; 0: nothing holds the transfer back there."""

    __slots__ = ("most_bytes", "queued_bytes", "leaving", "stuck")

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.queued_bytes = 0
        self.leaving: deque[tuple[int, int]] = (
            deque()
        )  # what the card has: by when it will have left (ps), bytes
        self.stuck = False  # the sender waits for what has not got to the card yet

    def wait_until(self, now_ps: int, limit_bytes: int) -> int | None:
        """When no more than the limit is left, if that is known and later; 0: when more has got to the card; None: go on."""
        while self.leaving and self.leaving[0][0] <= now_ps:
            self.queued_bytes -= self.leaving.popleft()[1]
        if self.queued_bytes <= limit_bytes:
            return None
        left, until = self.queued_bytes, now_ps + 1
        for at, size in self.leaving:
            left, until = left - size, max(until, at)
            if left <= limit_bytes:
                return until
        self.stuck = True
        return 0

    def leaves(self, size_bytes: int, at_ps: int) -> bool:
        """A unit is in the card's queue, and will have left by then. Whether the sender waited for that."""
        self.leaving.append((at_ps, size_bytes))
        return self._unstick()

    def dropped(self, size_bytes: int) -> bool:
        """A unit got no further than its sender's card. Whether the sender waited for it."""
        self.queued_bytes -= size_bytes
        return self._unstick()

    def _unstick(self) -> bool:
        was, self.stuck = self.stuck, False
        return was
