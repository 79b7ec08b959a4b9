"""Runs inside a user-mode Linux: drives the kernel's IPVS through cases and writes what it chose, as traces.

``python kernel_ipvs.py CASES.json TRACES.json``. A case has scheduler, dests, ops, and optionally flags (ipvsadm -b),
u (upper threshold of the first destinations), udp, persistent (s; ipvsadm -p) with mask (bits; -M), and sysctls of
net.ipv4.vs; of these the times of the operations (s) are written, too. Besides open, close, weight, add and del its ops are hang_up (the server closes first), wait (s), templates
(who stays with whom, and for how many seconds still) and entries (how many there are). Every case has a /24 of
destinations of its own, so that nothing is left over from the case before.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

VIP, PORT = "10.0.0.100", 80
BYE = b"bye"
#: The kernel's own settings, for cases that say nothing else.
DEFAULTS = {"conn_reuse_mode": 1, "expire_nodest_conn": 0, "expire_quiescent_template": 0, "drop_entry": 0}
SYSCTLS = Path("/proc/sys/net/ipv4/vs")


class Echoes:
    """One UDP socket for all destinations; tells a client which one it reached."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
        self.socket.bind(("0.0.0.0", PORT))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            _, control, _, client = self.socket.recvmsg(64, 256)
            reached = next(data[8:12] for level, kind, data in control if (level, kind) == (0, 8))
            # The answer has to leave from where the question came to, so that IPVS knows it.
            info = struct.pack("@I4s4s", 0, reached, bytes(4))
            self.socket.sendmsg([str(reached[3]).encode()], [(0, 8, info)], 0, client)


class Servers:
    """One listener for all destinations; knows which one a client reached."""

    def __init__(self) -> None:
        self.reached: dict[tuple[str, int], str] = {}
        self.news = threading.Condition()
        self.socket = socket.create_server(("0.0.0.0", PORT), backlog=1024)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        ready = selectors.DefaultSelector()
        ready.register(self.socket, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is self.socket:
                    conn, client = self.socket.accept()
                    ready.register(conn, selectors.EVENT_READ)
                    with self.news:
                        self.reached[client] = conn.getsockname()[0]
                        self.news.notify_all()
                elif key.fileobj.recv(64) in (b"", BYE):
                    ready.unregister(key.fileobj)
                    key.fileobj.close()

    def of(self, client: tuple[str, int]) -> int | None:
        """The destination's number."""
        with self.news:
            self.news.wait_for(lambda: client in self.reached, 1)
            found = self.reached.pop(client, None)
        return None if found is None else int(found.rpartition(".")[2])


def command(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        print("failed:", *words, done.stderr.strip(), flush=True)


def known(net: str) -> list[list[str]]:
    """What IPVS knows of connections to destinations of a case: the words of each line."""
    prefix = "".join(f"{int(part):02X}" for part in net.split("."))
    lines = [line.split() for line in Path("/proc/net/ip_vs_conn").read_text().splitlines()[1:]]
    return [words for words in lines if words[5].startswith(prefix)]


def templates(net: str) -> list[list[int]]:
    """Last part of the client's network, destination, seconds left of every template."""
    rows = [words for words in known(net) if words[2] == "0000"]
    return sorted([int(words[1], 16) & 255, int(words[5], 16) & 255, int(words[8])] for words in rows)


def entries(net: str) -> int:
    """How many connections IPVS knows."""
    return sum(words[2] != "0000" for words in known(net))


def counters() -> dict[int, list[int]]:
    found = {}
    for line in Path("/proc/net/ip_vs").read_text().splitlines():
        words = line.split()
        if len(words) == 6 and words[0] == "->" and words[1] != "RemoteAddress:Port":
            found[int(words[1].partition(":")[0], 16) & 255] = [int(word) for word in words[3:6]]
    return found


def trace(case: dict, net: str, servers: Servers) -> dict:
    service, kind = f"{VIP}:{PORT}", "-u" if case.get("udp") else "-t"
    command("ipvsadm", "-C")
    for name, value in {**DEFAULTS, **case.get("sysctls", {})}.items():
        (SYSCTLS / name).write_text(str(value))
    flags = ["-b", case["flags"]] if case.get("flags") else []
    if case.get("persistent"):
        mask = ((1 << 32) - (1 << (32 - case.get("mask", 32)))).to_bytes(4, "big")
        flags += ["-p", str(case["persistent"]), "-M", socket.inet_ntoa(mask)]
    command("ipvsadm", "-A", kind, service, "-s", case["scheduler"], *flags)
    upper = ["-x", str(case["u"]), "-y", "0"] if case.get("u") else []

    def edit(verb: str, number: int, *more: str) -> None:
        command("ipvsadm", verb, kind, service, "-r", f"{net}.{number}:{PORT}", *more)

    for number, weight in case["dests"]:
        edit("-a", number, "-m", "-w", str(weight), *upper)
    conns: dict[int, socket.socket] = {}
    results: list[Any] = []
    begin, times = time.monotonic(), []
    for verb, *rest in case["ops"]:
        times.append(round(time.monotonic() - begin, 3))
        result: Any = None
        if verb == "open":
            conn, source, port = rest
            client = socket.socket(type=socket.SOCK_DGRAM if case.get("udp") else socket.SOCK_STREAM)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.settimeout(1)
            try:
                client.bind((f"10.2.0.{source}", port))
                client.connect((VIP, PORT))
                if case.get("udp"):
                    client.send(b"?")
                    result = int(client.recv(64))
                else:
                    result = servers.of(client.getsockname())
                conns[conn] = client
                if case.get("sysctls", {}).get("drop_entry", 0) == 0 and "sysctls" in case:
                    time.sleep(
                        0.03
                    )  # an entry that was met again is counted until the next tick of the kernel's clock
            except OSError as error:
                # A datagram for nobody is not allowed out of a socket of the same node.
                refused = isinstance(error, PermissionError)
                result = "ConnectionRefusedError" if refused else type(error).__name__
        elif verb == "close":
            if rest[0] in conns:
                conns.pop(rest[0]).close()
                time.sleep(0.01)
        elif verb == "hang_up":
            if rest[0] in conns:
                conns[rest[0]].send(BYE)
                conns[rest[0]].recv(64)
                conns.pop(rest[0]).close()
                time.sleep(0.01)
        elif verb == "wait":
            time.sleep(rest[0])
        elif verb == "templates":
            result = templates(net)
        elif verb == "entries":
            result = entries(net)
        elif verb == "weight":
            edit("-e", rest[0], "-m", "-w", str(rest[1]))
        elif verb == "add":
            edit("-a", rest[0], "-m", "-w", str(rest[1]))
        elif verb == "del":
            edit("-d", rest[0])
        results.append(result)
    final = counters()
    for conn in conns.values():
        conn.close()
    time.sleep(0.1)
    more: dict[str, Any] = {"vip": service, "dest_ip": net + ".{dest}", "src_ip": "10.2.0.{src}"}
    if "sysctls" in case or "persistent" in case:
        more["times"] = times
    return {**case, **more, "results": results, "final": final}


def main(cases: str, traces: str) -> None:
    command("ip", "addr", "add", f"{VIP}/32", "dev", "lo")
    command("ip", "addr", "add", "10.1.255.254/16", "dev", "lo")
    for i in range(1, 25):
        command("ip", "addr", "add", f"10.2.0.{i}/32", "dev", "lo")
    servers = Servers()
    Echoes()
    found = [
        trace(case, f"10.1.{i % 250}", servers) for i, case in enumerate(json.loads(Path(cases).read_text()))
    ]
    Path(traces).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
