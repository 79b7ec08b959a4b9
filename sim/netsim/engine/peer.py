"""What a connection's client finds at its other end, and where the request on it is."""

from __future__ import annotations

from enum import IntEnum


class Peer(IntEnum):
    """What the server's end of a connection is."""

    ALIVE = 0
    CLOSING = 1  # it has sent FIN behind the answer: the client uses it no more
    RESET = 2  # gone: what arrives is answered with RST
    SILENT = 3  # nothing answers


class Stage(IntEnum):
    """Where the request on a connection is, as its server sees it."""

    IDLE = 0
    SERVED = 1  # the whole request is there
    WRITTEN = 2  # the answer is in the kernel
