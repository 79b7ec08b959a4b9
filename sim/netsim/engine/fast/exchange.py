"""An exchange, one attempt of a request: whom it concerns, and what its numbers are drawn from."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import inner
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import row
from netsim.engine.fast.ops import *
from netsim.engine.keys import fold_compiled
from netsim.engine.streams import _draw

LONGEST = 100 * 86_400 * 10**12


@inner
def draw(M, D, kind, d, key, purpose, index):
    """A duration (ps); ``d``: where mean, cv, low and high stand in D."""
    if kind == 0:
        return np.int64(D[d])
    stream = fold_compiled(key ^ M[H_BASE] ^ purpose, TAG_DRAW, index)
    value = _draw(kind, D[d], D[d + 1], D[d + 2], D[d + 3], np.uint64(stream), np.uint64(0))
    if value > LONGEST:
        return NEVER
    return max(0, np.int64(np.rint(value)))


@inner
def new_exchange(M, r, client, key):
    x = row(M, H_XFREE, H_XLEFT, B_X, W_X)
    e, p = M[B_X] + x * W_X, M[B_XSPLIT] + x * W_SPLIT
    for k in range(e, e + W_X):
        M[k] = 0
    for k in range(p, p + NS):
        M[k] = 0
    M[e + X_R] = r
    M[e + X_KEY] = key
    M[e + X_AT] = M[H_NOW]
    M[e + X_SLOT] = -1
    M[e + X_CONN] = -1
    M[e + X_WORKER] = -1
    M[e + X_LEFT_SLOT] = -1
    M[e + X_CLIENT] = client
    M[e + X_REFS] = 1  # its client waits
    return x


@inner
def client_of(M, x):
    return M[M[B_X] + x * W_X + X_CLIENT]


@inner
def thread_of(M, x):
    return M[M[B_SLOT] + M[M[B_X] + x * W_X + X_SLOT] * W_SLOT + SL_THREAD]


@inner
def server_of(M, x):
    e = M[B_X] + x * W_X
    if M[e + X_KIND] == DATAGRAM:
        return M[M[B_WAYS] + M[e + X_WAYS] * W_WAYS + WA_SERVER]
    return M[M[B_CONN] + M[e + X_CONN] * W_CONN + O_SERVER]


@inner
def forsaken(M, x):
    """The process that served the exchange has ended."""
    e = M[B_X] + x * W_X
    life = M[M[B_SERVER] + server_of(M, x) * W_SERVER + V_LIFE]
    if M[e + X_KIND] == DATAGRAM:
        return M[e + X_HELD] != life + 1
    return M[M[B_CONN] + M[e + X_CONN] * W_CONN + O_LIFE] != life


@inner
def alive(M, x):
    """The exchange's connection is not closed."""
    return M[M[B_CONN] + M[M[B_X] + x * W_X + X_CONN] * W_CONN + O_CLOSED] == 0
