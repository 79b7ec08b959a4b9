"""Hardware threads that share a core, and sockets: what they cost.

Linux fills idle cores before it puts a second thread on one (select_idle_core), so with b of 2n hardware threads busy,
b - n cores have two at the speed that each of two has, and the others run alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from netsim.datapath.profile import HostProfile
from netsim.tables import table

MILLION = 10**6
#: Stages that copy between the application and the kernel.
COPIES = ("tcp.send", "tcp.recv", "udp.send", "udp.recv")


def smt_loss(busy: int, threads: int, speed: int) -> int:
    """Millionths of a hardware thread's speed that are lost in the mean while ``busy`` of ``threads``, two on a core, are
    busy; ``speed``: millionths that each of two on one core has."""
    cores = threads // 2
    if busy <= cores:
        return 0
    return MILLION - ((threads - busy) * MILLION + 2 * (busy - cores) * speed) // busy


@cache
def remote_copy() -> float:
    """How many times the copy costs on another socket than the card's."""
    return float(table("processors.yaml")["remote_copy"]["value"])


def on_sockets(profile: HostProfile, sockets: int) -> HostProfile:
    """The costs of a machine of so many sockets, in the mean: its card is on one of them, threads run on all."""
    if sockets == 1:
        return profile
    factor = 1 + (remote_copy() - 1) * (sockets - 1) / sockets
    copies = {
        name: replace(profile.stages[name], per_byte_fs=round(profile.stages[name].per_byte_fs * factor))
        for name in COPIES
    }
    return replace(profile, stages={**profile.stages, **copies})
