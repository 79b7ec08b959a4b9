"""What the nodes' links are like now, for both machineries."""

from __future__ import annotations

from collections.abc import Mapping

from netsim.engine.border import Change, LinkState, What
from netsim.engine.links import Trouble
from netsim.engine.world import World

MILLION = 1_000_000
LOSS_UNIT = 1 << 52  # losses are whole multiples of 2**-52, the step of a uniform draw


def background_rate(rate_bps: int, taken_bps: float) -> int:
    """What control traffic leaves of a link's rate: at least a hundredth."""
    return max(rate_bps // 100, rate_bps - round(taken_bps), 1)


class Wiring:
    """Each link's state by node, and who is apart from whom; `trouble` is what a transmitter does about it."""

    def __init__(self, world: World) -> None:
        self.nodes = world.model.nodes
        self.states: dict[str, list[LinkState]] = {}  # of the two directions: sends, receives
        self.groups: dict[str, int] = {}
        self.down: set[str] = set()
        self.cables: set[tuple[str, int]] = set()  # those of bonds that are unplugged
        self.steal: dict[str, int] = {}  # millionths of a node's processor time
        self.background: dict[str, float] = {}  # bit/s that control traffic takes of a card
        self.taken: dict[str, int] = {}  # the same that changes have told, by station
        self.places = {name: (link.node, link.port) for name, link in world.machine.links.items()}
        self.rates = {name: link.rate_bps for name, link in world.machine.links.items()}

    def take(self, change: Change) -> None:
        """A change of a node's link, of one of its cables, or of who is apart from whom."""
        if change.what == What.LINK:
            self.set_link(change.subject, change.link or LinkState())
        elif change.what == What.CABLE:
            self.set_cable(change.subject, change.value, change.link is None or change.link.up)
        else:
            self.set_groups(change.groups)

    def set_link(self, node: str, state: LinkState) -> None:
        """Raises ``KeyError`` for a node and ``ValueError`` for a direction that does not exist, or a loss that is
        no share."""
        self.nodes[node]
        if state.direction not in ("both", "sends", "receives"):
            raise ValueError(f"expected the direction both, sends or receives, got {state.direction}")
        if not 0 <= state.loss <= 1:
            raise ValueError(f"expected a loss from 0 to 1, got {state.loss}")
        both = self.states.setdefault(node, [LinkState(), LinkState()])
        for port, name in enumerate(("sends", "receives")):
            if state.direction in ("both", name):
                both[port] = state

    def set_groups(self, groups: tuple[tuple[str, ...], ...]) -> None:
        """Raises ``KeyError`` for a node that does not exist."""
        for name in (name for group in groups for name in group):
            self.nodes[name]
        self.groups = {name: number for number, group in enumerate(groups) for name in group}

    def reaches(self, src: str, dst: str) -> bool:
        """Whether packets get from one node to another at all."""
        if src in self.down or dst in self.down:
            return False
        if src in self.groups and dst in self.groups and self.groups[src] != self.groups[dst]:
            return False
        ends = self.state(src, False), self.state(dst, True)
        return all(state.up and state.loss < 1 for state in ends)

    def delay_ps(self, station: str) -> int:
        """How much later than usual packets come out of a link."""
        node, port = self.places[station]
        return self.state(node, port).delay_ps

    def rate_bps(self, station: str) -> int | None:
        """What a link's rate is for everything but the background; None: no bottleneck."""
        node, port = self.places[station]
        rate, taken = self.rates[station], float(self.taken.get(station, 0))
        if node in self.nodes:
            left = self.state(node, port).rate_bps
            rate = self.nodes[node].nic.rate if left is None else left
            taken += 0.0 if port else self.background.get(node, 0.0)
        return background_rate(rate, taken) if taken and rate is not None else rate

    def set_background(self, rates_bps: Mapping[str, float]) -> None:
        """Raises ``KeyError`` for a node that does not exist, ``ValueError`` for a negative rate."""
        for name, rate in rates_bps.items():
            if rate < 0:
                raise ValueError(f"expected at least 0 bit/s from {self.nodes[name].name}, got {rate}")
            self.nodes[name]
        self.background = dict(rates_bps)

    def take_share(self, change: Change) -> list[str]:
        """Control traffic takes so much of a link of a node, or of a transmitter that belongs to none, from now on; the
        stations. Raises ``KeyError`` for what is not there and ``ValueError`` for a direction that does not exist, or less than nothing."""
        direction = "" if change.link is None else change.link.direction
        alone = change.subject in self.places and change.link is None
        if direction not in ("sends", "receives") and not alone:
            raise ValueError(f"expected the direction sends or receives, got {direction or 'none'}")
        if change.value < 0:
            raise ValueError(f"expected at least 0 bit/s of {change.subject}, got {change.value}")
        stations: tuple[str, ...] = (change.subject,)
        if not alone:
            node = self.nodes[change.subject]
            stations = node.switch_stations if direction == "receives" else node.tx_stations
        for station in stations:
            self.taken[station] = change.value // len(stations)  # a bond's cables carry equal shares
        return list(stations)

    def state(self, node: str, port: bool) -> LinkState:
        """The state of a card (sends) or of the switch port to it (receives)."""
        return self.states[node][port] if node in self.states else LinkState()

    def set_cable(self, node: str, cable: int, plugged: bool) -> None:
        """One cable of a bond is pulled or plugged in. Raises ``KeyError`` for a node that does not exist."""
        (self.cables.discard if plugged else self.cables.add)((self.nodes[node].name, cable))

    def trouble(self, node: str, port: bool, cable: int = 0) -> Trouble | None:
        """What is wrong there; None if nothing. The port to the outside is never in trouble. ``cable``: of a bond."""
        if node not in self.nodes:
            return None
        state = self.state(node, port)
        groups = self.groups if port and self.groups else None
        cut = node in self.down or not state.up or (node, cable) in self.cables
        if not (cut or state.loss or state.delay_ps or groups):
            return None
        return Trouble(cut, round(state.loss * LOSS_UNIT) / LOSS_UNIT, state.delay_ps, groups)


def used_lanes(bits: int, cables: int) -> list[int]:
    """Places of a bond's cables that are used. Raises ``ValueError`` for none, and for one that is not there."""
    if not 0 < bits < 1 << cables:
        raise ValueError(f"expected some of {cables} cables as bits, got {bits}")
    return [place for place in range(cables) if bits >> place & 1]


def stolen(change: Change) -> int:
    """Millionths of a node's processor time. Raises ``ValueError`` for what leaves nothing."""
    if not 0 <= change.value < MILLION:
        raise ValueError(
            f"expected a share of processor time from 0 to 999999 millionths, got {change.value}"
        )
    return change.value
