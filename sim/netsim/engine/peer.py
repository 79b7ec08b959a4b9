"""What a connection's client finds at its other end, where the request on it is, and what a network lacks."""

from __future__ import annotations

from enum import IntEnum, IntFlag


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


class Cut(IntFlag):
    """What a client misses on a network, since a container has left it."""

    OWN = 1  # its own endpoint
    TARGET = 2  # the target's
    NAME = 4  # the target's name, in its node's engine
    FORWARD = 8  # the target's place, in its node's FDB
    PORT = 16  # the target's published port: its node refuses SYNs, and answers what is open with RST
    PACKETS = 11  # either end, or nobody knows where to: nothing gets through
    DNS = 5  # its resolver does not know the name
