"""Which step functions a connection uses: congestion controls by number, for compiled callers.

A control is a module with ``acked`` and ``lost``, and what it needs of ``start``, ``sampled``, ``timed_out`` and ``rested``; it is
entered in `MODULES` and in the functions below. BBR answers for its whole window itself (``cong_control`` in Linux), so
`netsim.datapath.congestion.steps` asks it instead of its own rules.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion import bbr, cubic, reno
from netsim.datapath.congestion.layout import CC_CONTROL

#: Their order gives their numbers.
MODULES = (cubic, reno, bbr)
NAMES = tuple(module.__name__.rpartition(".")[2] for module in MODULES)
CUBIC, RENO, BBR = range(len(MODULES))


@inner
def start(M, f):
    """Nothing is known of the path."""
    if M[f + CC_CONTROL] == CUBIC:
        cubic.start(M, f)
    elif M[f + CC_CONTROL] == BBR:
        bbr.start(M, f)


@inner
def sampled(M, f, now, sent, rtt):
    """A round trip was measured of what was sent then."""
    if M[f + CC_CONTROL] == CUBIC:
        cubic.sampled(M, f, now, sent, rtt)


@inner
def acked(M, f, now, packets):
    """Packets were acknowledged while the window held the sender back."""
    if M[f + CC_CONTROL] == CUBIC:
        cubic.acked(M, f, now, packets)
    else:
        reno.acked(M, f, packets)


@inner
def lost(M, f):
    """The threshold after a loss."""
    return cubic.lost(M, f) if M[f + CC_CONTROL] == CUBIC else reno.lost(M, f)


@inner
def timed_out(M, f):
    """The retransmission timer fired: what was learnt of the path does not count any more."""
    if M[f + CC_CONTROL] == CUBIC:
        cubic.start(M, f)


@inner
def rested(M, f, now):
    """The sender had nothing to send until now."""
    if M[f + CC_CONTROL] == CUBIC:
        cubic.rested(M, f, now)
