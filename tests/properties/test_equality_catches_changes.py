"""A check of the equality test itself: small deliberate changes to the compiled engine, each of which it must see."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from changed import NONE, Changed, Row

#: What is changed: file, the text that is there, what takes its place.
CHANGES: dict[str, Row] = {
    "a receive ring takes one packet less": (
        "rings.py", "M[g + G_PACKETS] + taken > M[g + G_SIZE]", "M[g + G_PACKETS] + taken >= M[g + G_SIZE]",
    ),
    "a card takes packets of any size": ("rings.py", "if payload > M[v + V_MOST]:", "if payload > M[v + V_MOST] + 70_000:"),
    "a switch port forgets the size of what comes": (
        "links.py", "M[k + L_BYTES] + wire > M[k + L_BUFFER]", "M[k + L_BYTES] > M[k + L_BUFFER]",
    ),
    "what arrives comes before what finishes": ("events.py", "return ((phase - 2) << 62) + key", "return (((0 if phase == 3 else phase) - 2) << 62) + key"),
    "only the first time-out of a row is seen": (
        "loop.py", "        give_up(M, x)\n    look_at(M, fifo)", "        give_up(M, x)",
    ),
    "receive work does not delay the running thread": (
        "cores.py", "        M[o + C_END] += cost", "        M[o + C_END] += 0",
    ),
    "a thread keeps its core for two time slices": (
        "cores.py", "turn = max(quantum(M, th), ", "turn = max(2 * quantum(M, th), ",
    ),
    "twice as many packets are taken as acknowledged": (
        "tcp.py", "steps.acked(M, f, M[H_NOW], -(-size // mss), ", "steps.acked(M, f, M[H_NOW], 2 * -(-size // mss), ",
    ),
    "a loss is found by what was sent right before it": (
        "recovery.py", "+ 2] > M[f + CC_NEWEST]:", "+ 2] > M[f + CC_NEWEST] + 1:",
    ),
    "a tail loss probe goes out a jiffy early": (
        "recovery.py", "M[o + T_PROBED], M[H_TLP], M[H_RTO_MIN]", "M[o + T_PROBED], M[H_TLP] - 4 * 10**9, M[H_RTO_MIN]",
    ),
    "the end of a unit is known to be lost by its beginning": ("recovery.py", "(1 if cell == H_GONE else 0)", "0"),
    "who computes for itself stops a little earlier": ("entries.py", "M[H_DUR] - M[H_NOW], TH_COMPUTED", "M[H_DUR] - M[H_NOW] - 10**9, TH_COMPUTED"),
    "a core takes a task's whole budget at once": ("cores.py", "M[z + Q_LEFT], QUOTA_SLICE_PS)", "M[z + Q_LEFT])"),
    "a receive buffer gives nothing back": ("service.py", "M[s + V_BUFFERED] -= M[e + X_CHARGED]", "M[s + V_BUFFERED] -= 0"),
    "units of a paced flow leave together": ("tcp.py", "if M[f + CC_READY] > M[H_NOW] or ", "if "),
    "an acknowledgement says nothing of the rate": ("tcp.py", "found = M[q] == sent and rtt >= 0", "found = False"),
    "what was lost is sent again outside the window": (
        "tcp.py", "        if M[o + T_LOST] >= 0:\n            size = fitting(M, o, M[M[B_Q] + M[o + T_LOST] * W_Q], window, mss)",
        "        if M[o + T_LOST] >= 0:\n            size = M[M[B_Q] + M[o + T_LOST] * W_Q]",
    ),
    "a listen queue takes one connection more": (
        "handshake.py", "if M[s + V_WAITING] >= M[s + V_BACKLOG]", "if M[s + V_WAITING] > M[s + V_BACKLOG]",
    ),
    "an answer of DNS has addresses that are gone": (
        "lookup.py", "place = offered_place(at_address(M[H_TABLE]), M[by + K_NAMES], M[by + K_CANDS], place)", "place += 0",
    ),
    "a node does not answer for a port that nobody has": (
        "handshake.py", "if M[s + V_SILENT] and not M[M[B_CLIENT] + by * W_CLIENT + K_AT_NODE]:", "if M[s + V_SILENT]:",
    ),
    "a balancer stays with its back end": (
        "handshake.py", "ways = need(M, M[k + O_CLIENT], M[k + O_VIA], place)", "ways = need(M, M[k + O_CLIENT], M[k + O_VIA], 0)",
    ),
    "a connection waits for twice the time-out before slow start": (
        "tcp.py", "now - M[k + O_LAST], rto(M, M[f + CC_SRTT], 0)", "now - M[k + O_LAST], 2 * rto(M, M[f + CC_SRTT], 0)",
    ),
    "connections end a little earlier in the tables": (
        "tcp.py", "M[k + O_FLOW], M[H_NOW], PORT", "M[k + O_FLOW], M[H_NOW] - 119_900 * 10**9, PORT",
    ),
    "a flow is over when its last byte is there, read or not": (
        "tcp.py", "M[o + T_ARRIVED] >= M[o + T_SIZE] and M[o + T_HEAD] < 0", "M[o + T_ARRIVED] >= M[o + T_SIZE]",
    ),
    "all flows take the first of several uplinks": (
        "links.py", "place = lane(M[M[B_UNIT_] + u * W_UNIT + U_FLOW], ", "place = lane(0, ",
    ),
    "a bond goes on with a pulled cable": (
        "links.py", "M[M[B_LINK] + (first + place) * W_LINK + L_LANE]", "place",
    ),
    "credit that was waited for counts twice": ("links.py", "M[k + L_SINCE] = since", "M[k + L_SINCE] = since - wait"),
    "a shared buffer keeps what has left": ("links.py", "M[o + L_BYTES] - left", "0"),
    "packets per second hold nothing back": (
        "links.py", "max(service, packets * pieces * M[k + L_PACKET])", "service",
    ),
    "two hardware threads on a core are two cores": ("cores.py", "if M[n + N_SMT] > 0:", "if M[n + N_SMT] > MILLION:"),
    "a card raises an interrupt for every unit": (
        "rings.py", "    M[g + G_RAISED] = now\n", "",
    ),
    "a flow has twice as much in its own host's queues": (
        "smallqueue.py", "if M[o + T_QUEUED] <= limit", "if M[o + T_QUEUED] <= 2 * limit",
    ),
    "what is lost in its own host's queues stays there": ("smallqueue.py", "T_QUEUED] -= M[o + U_B]", "T_QUEUED] -= 0"),
    "all flows are handed on to one core": ("rings.py", "backlog_of(M[o + U_FLOW], M[n + N_CORES])", "0"),
    "nobody else's packets come between a flow's": ("rings.py", "flows = min(flows, flows_next(M, g, M[o + U_FLOW]))", "flows = 1"),
    "a card's flows alternate on one core, too": ("links.py", "flows = min(flows, M[k + L_ALTERNATE])", "flows += 0"),
    "a thread reads what came in several skbs at once": ("bulk.py", "if skbs > 1 and not awake:", "if skbs > 99 and not awake:"),
    "the bytes of a flow do not count": (
        "bulk.py", "WL_GOODPUT] += size", "WL_GOODPUT] += 0",
    ),
    "a socket stays with a node that the entry has left out": ("udp.py", "return not not_out(M, M[c + K_ENTRIES], M[k + O_VIA])", "return False"),
    "what waits at a task outlives it": ("entries.py", "if server_of(M, x) == server:", "if server_of(M, x) == -2:"),
    "a server that vanished still answers with resets": (
        "entries.py",
        "if what == VANISHED:\n            M[k + O_PEER] = PEER_SILENT",
        "if what == VANISHED:\n            M[k + O_PEER] = PEER_RESET",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """The engine with all changes, compiled once in each of the tests' processes, which share the reference's runs."""
    base = tmp_path_factory.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kept-runs"
    kept.mkdir(exist_ok=True)
    found = Changed(list(CHANGES.values()), tmp_path_factory.mktemp("changed"), kept)
    yield found
    found.end()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_none_is_seen_where_none_holds(changed: Changed) -> None:
    code, printed = changed.run(NONE, 5)
    assert code == 0, printed[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("what", CHANGES)
def test_each_change_is_seen(what: str, changed: Changed) -> None:
    code, printed = changed.run(list(CHANGES).index(what), 300)
    assert code == 1 and "AssertionError" in printed, printed[-2000:]
