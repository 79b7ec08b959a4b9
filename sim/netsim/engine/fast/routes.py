"""The fast engine's rows of routes, their visits and stages: equal ones share theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netsim.datapath.stage import Context, PathStage
from netsim.engine.control import HostWays
from netsim.engine.fast import layout as y
from netsim.engine.fast.table import Table
from netsim.engine.parts import PART
from netsim.engine.route import Route, Visit
from netsim.engine.routes import Ways


class RouteTables:
    """The tables of routes, visits and stages. ``node_index``, ``link_index``: rows of nodes and links by name."""

    def __init__(self, node_index: Mapping[str, int], link_index: Mapping[str, int]) -> None:
        self.node_index = node_index
        self.link_index = link_index
        self.routes = Table(y.W_ROUTE)
        self.visits = Table(y.W_VISIT)
        self.stages = Table(y.W_STAGE)
        self._known_routes: dict[Any, int] = {}
        self._known_visits: dict[tuple[int, ...], int] = {}
        self._known_stages: dict[Any, int] = {}

    def columns(self, ways: Ways | HostWays) -> dict[str, int]:
        """The columns of the routes between two ends."""
        return {
            "WA_SYN": self.route(ways.syn), "WA_SYN_ACK": self.route(ways.syn_ack), "WA_REQUEST": self.route(ways.request),
            "WA_REPLY": self.route(ways.reply), "WA_REQUEST_ACK": self.route(ways.request_ack),
            "WA_REPLY_ACK": self.route(ways.reply_ack),
        }  # fmt: skip

    def route(self, route: Route) -> int:
        """A route's row with its visits and stages; equal routes share theirs."""
        visits = tuple(self._visit(visit) for visit in route.visits)
        return self.route_row(
            visits,
            route.mss_bytes,
            self.stage_rows(route.send),
            self.stage_rows(route.recv),
            route.pieces,
            route.queue_bytes,
        )

    def route_row(
        self,
        visits: tuple[tuple[int, ...], ...],
        mss_bytes: int,
        send: tuple[int, int],
        recv: tuple[int, int],
        pieces: int,
        queue_bytes: int,
    ) -> int:
        """The row of a route of these visits."""
        key = (visits, mss_bytes, send, recv, pieces, queue_bytes)
        found = self._known_routes.get(key)
        if found is None:
            rows = self.routes.rows
            found = self._known_routes[key] = len(rows)
            rows.append([len(visits), mss_bytes, *send, *recv, pieces, queue_bytes])  # in the layout's order
            steps = [self._visit_row(visit) for visit in visits]
            for first in range(0, len(steps), y.W_ROUTE):
                some = steps[first : first + y.W_ROUTE]
                rows.append(some + [0] * (y.W_ROUTE - len(some)))
        return found

    def _visit_row(self, visit: tuple[int, ...]) -> int:
        found = self._known_visits.get(visit)
        if found is None:
            found = self._known_visits[visit] = len(self.visits.rows)
            self.visits.rows.append([*visit, -1, *[0] * (y.W_VISIT - len(visit) - 1)])
        return found

    def _visit(self, visit: Visit) -> tuple[int, ...]:
        """The columns V_CONTEXT, V_WHERE, V_LANES, V_OVER, V_CHOOSES, V_MOST, V_CROWDED, V_STAGE, V_STAGES, V_POLL,
        V_FRAGMENTS, V_STEERED, V_AGAIN."""
        where = self.node_index.get(visit.node, -1)
        if visit.context == Context.LINK:
            where = self.link_index[visit.stations[0]]  # the others stand behind it
        return (int(visit.context), where, len(visit.stations), *self.anywhere(visit))

    def anywhere(self, visit: Visit) -> tuple[int, ...]:
        """The columns from V_OVER on, which are the same wherever the visit is."""
        return (
            visit.overhead_bytes,
            int(visit.chooses),
            visit.most_bytes,
            int(visit.crowded),
            *self.stage_rows(visit.stages),
            visit.poll_ps,
            visit.fragments,
            visit.steered,
            visit.again_ps if visit.context == Context.SOFTIRQ else 0,
        )

    def stage_rows(self, stages: Sequence[PathStage]) -> tuple[int, int]:
        """Where equal stages in a row stand (SG_ID, SG_FIXED, SG_PACKET, SG_BYTE, SG_CORE, SG_CHAIN, SG_OVER, SG_HELD), and how many they are."""
        key = tuple(
            (
                PART[s.stage],
                s.fixed_ps,
                s.per_packet_ps,
                s.per_byte_fs,
                s.per_core_ppt,
                s.chain_ps,
                s.over_bytes,
                s.held_ps,
            )
            for s in stages
        )
        first = self._known_stages.get(key)
        if first is None:
            first = self._known_stages[key] = len(self.stages.rows)
            self.stages.rows += [[*row, *[0] * (y.W_STAGE - len(row))] for row in key]
        return first, len(key)
