"""Which step function a service uses: the built-in schedulers by number, for compiled callers and for Python."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import Unit, call_at, inner
from netsim.datapath.ipvs import dh, fo, lblc, lblcr, lc, mh, nq, ovf, rr, sed, sh, twos, wlc, wrr
from netsim.datapath.ipvs.layout import SV_CHANGED, SV_SCHEDULE, SV_SCHEDULER, SV_START

#: Their order gives their numbers.
MODULES = (rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos)
NAMES = tuple(module.__name__.rpartition(".")[2] for module in MODULES)
RR, WRR, LC, WLC, LBLC, LBLCR, DH, SH, SED, NQ, FO, OVF, MH, TWOS = range(len(MODULES))
#: Those of installed packages (netsim.datapath.ipvs.plugged).
PLUGGED = len(MODULES)


def cells(number: int, most: int) -> int:
    """Cells of a scheduler's own table for at most ``most`` destinations."""
    if number == LBLCR:
        return lblcr.cells(most)
    return int(getattr(MODULES[number], "CELLS", 0))


@inner
def start(M, s):
    """A service begins; its list may hold destinations already."""
    if M[s + SV_SCHEDULER] == RR:
        rr.start(M, s)
    elif M[s + SV_START]:
        call_at(M[s + SV_START], M, s, 0, 0)


@inner
def changed(M, s, d, what):
    """A destination was added to the list, removed from it, or has another weight."""
    if M[s + SV_SCHEDULER] == RR:
        rr.changed(M, s, d, what)
    elif M[s + SV_CHANGED]:
        call_at(M[s + SV_CHANGED], M, s, d, what)


@inner
def schedule(M, s, f):
    """The destination of a new connection; -1 if there is none for it."""
    if M[s + SV_SCHEDULER] == RR:
        return rr.schedule(M, s, f)
    return call_at(M[s + SV_SCHEDULE], M, s, f, 0)


@Unit
def other_starts(M, s, b, c):
    """The built-in schedulers but rr, which is all that Docker uses: compiled where a service names one."""
    number = M[s + SV_SCHEDULER]
    if number == WRR:
        wrr.start(M, s)
    elif number == DH:
        dh.start(M, s)
    elif number == SH:
        sh.start(M, s)
    elif number == MH:
        mh.start(M, s)
    elif number == LBLC:
        lblc.start(M, s)
    elif number == LBLCR:
        lblcr.start(M, s)
    return 0


@Unit
def other_changed(M, s, d, what):
    """The same for changes of their lists."""
    number = M[s + SV_SCHEDULER]
    if number == WRR:
        wrr.changed(M, s, d, what)
    elif number == DH:
        dh.changed(M, s, d, what)
    elif number == SH:
        sh.changed(M, s, d, what)
    elif number == MH:
        mh.changed(M, s, d, what)
    return 0


@Unit
def other_schedules(M, s, f, c):
    """The same for their choices."""
    number = M[s + SV_SCHEDULER]
    if number == WRR:
        return wrr.schedule(M, s, f)
    if number == LC:
        return lc.schedule(M, s, f)
    if number == WLC:
        return wlc.schedule(M, s, f)
    if number == SED:
        return sed.schedule(M, s, f)
    if number == NQ:
        return nq.schedule(M, s, f)
    if number == FO:
        return fo.schedule(M, s, f)
    if number == OVF:
        return ovf.schedule(M, s, f)
    return _by_address(M, s, f, number)


@inner
def _by_address(M, s, f, number):
    """Those that look at addresses, or draw."""
    if number == DH:
        return dh.schedule(M, s, f)
    if number == SH:
        return sh.schedule(M, s, f)
    if number == MH:
        return mh.schedule(M, s, f)
    if number == LBLC:
        return lblc.schedule(M, s, f)
    if number == LBLCR:
        return lblcr.schedule(M, s, f)
    return twos.schedule(M, s, f)


#: What choosing, beginning and changing take for all but rr.
OTHERS = (other_schedules, other_starts, other_changed)


def addresses(number: int) -> tuple[int, ...]:
    """Where a built-in scheduler's code is, as services name it; it is compiled now if need be."""
    return (0, 0, 0) if number == RR else tuple(unit.address for unit in OTHERS)
