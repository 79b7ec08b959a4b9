"""Runs inside a user-mode Linux: drives the kernel's IPVS through cases and writes what it chose, as traces.

``python kernel_ipvs.py CASES.json TRACES.json``. A case has scheduler, dests, ops, and optionally flags (ipvsadm -b)
and u (upper threshold of the first destinations). Every case has a /24 of destinations of its own, so that nothing
is left over from the case before.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

VIP, PORT = "10.0.0.100", 80


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
                elif not key.fileobj.recv(64):
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


def counters() -> dict[int, list[int]]:
    found = {}
    for line in Path("/proc/net/ip_vs").read_text().splitlines():
        words = line.split()
        if len(words) == 6 and words[0] == "->" and words[1] != "RemoteAddress:Port":
            found[int(words[1].partition(":")[0], 16) & 255] = [int(word) for word in words[3:6]]
    return found


def trace(case: dict, net: str, servers: Servers) -> dict:
    service = f"{VIP}:{PORT}"
    command("ipvsadm", "-C")
    flags = ["-b", case["flags"]] if case.get("flags") else []
    command("ipvsadm", "-A", "-t", service, "-s", case["scheduler"], *flags)
    upper = ["-x", str(case["u"]), "-y", "0"] if case.get("u") else []

    def edit(verb: str, number: int, *more: str) -> None:
        command("ipvsadm", verb, "-t", service, "-r", f"{net}.{number}:{PORT}", *more)

    for number, weight in case["dests"]:
        edit("-a", number, "-m", "-w", str(weight), *upper)
    conns: dict[int, socket.socket] = {}
    results: list[int | str | None] = []
    for verb, *rest in case["ops"]:
        result: int | str | None = None
        if verb == "open":
            conn, source, port = rest
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.settimeout(1)
            try:
                client.bind((f"10.2.0.{source}", port))
                client.connect((VIP, PORT))
                result, conns[conn] = servers.of(client.getsockname()), client
            except OSError as error:
                result = type(error).__name__
        elif verb == "close":
            if rest[0] in conns:
                conns.pop(rest[0]).close()
                time.sleep(0.01)
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
    more = {"vip": service, "dest_ip": net + ".{dest}", "src_ip": "10.2.0.{src}"}
    return {**case, **more, "results": results, "final": final}


def main(cases: str, traces: str) -> None:
    command("ip", "addr", "add", f"{VIP}/32", "dev", "lo")
    command("ip", "addr", "add", "10.1.255.254/16", "dev", "lo")
    for i in range(1, 25):
        command("ip", "addr", "add", f"10.2.0.{i}/32", "dev", "lo")
    servers = Servers()
    found = [
        trace(case, f"10.1.{i % 250}", servers) for i, case in enumerate(json.loads(Path(cases).read_text()))
    ]
    Path(traces).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
