"""Counts into how many skbs this machine's kernel merges packets of several flows, and writes it down.

    python benchmarks/lab/gro.py --out tests/data/lab/gro.json

Two network namespaces of its own, joined by a veth pair whose sending end cuts units itself (no TSO, no GSO) and whose receiving end
merges (GRO). First packets that are made by hand, of so many flows and so many of each in a row, as bursts into the
pair's queue while its poll has to wait (a thread of the same core at a real-time priority): what one poll after the other finds is
known exactly. Then iperf3 with several connections. An skb is one count of TcpInSegs, which counts before it looks for a socket.
Needs root, iperf3 and two cores.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import gzip
import json
import os
import platform
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

PAYLOAD_BYTES = 1460
BURST, BURSTS = 192, 10  # packets; a veth pair's queue holds 256
ADDRESSES = "10.99.0.1", "10.99.0.2"
SIOCETHTOOL, CLONE_NEWNET = 0x8946, 0x40000000
SET = {"tso": 0x1F, "gso": 0x24, "gro": 0x2C}  # ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO
SETTLE_S = 0.02


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def enter(name: str) -> None:
    """This process goes into a network namespace."""
    with open(f"/var/run/netns/{name}") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def switch(device: str, feature: str, on: bool) -> None:
    """ethtool -K DEVICE FEATURE on|off, in the present namespace."""
    value = ctypes.create_string_buffer(struct.pack("II", SET[feature], on))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP16x", device.encode(), ctypes.addressof(value)))


@contextmanager
def pair() -> Iterator[tuple[str, str]]:
    """Two namespaces with the ends `va` and `vb` of a pair."""
    a, b = (f"netsim-{end}{os.getpid()}" for end in "ab")
    with open("/proc/self/ns/net") as home:
        try:
            for name in (a, b):
                run("ip", "netns", "add", name)
            run("ip", "link", "add", "va", "netns", a, "type", "veth", "peer", "name", "vb", "netns", b)
            for name, device, address in ((a, "va", ADDRESSES[0]), (b, "vb", ADDRESSES[1])):
                run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", device)
                run("ip", "-n", name, "link", "set", device, "up")
            enter(b)
            switch("vb", "gro", True)
            enter(a)
            for feature in ("tso", "gso"):
                switch("va", feature, False)
            yield a, b
        finally:
            ctypes.CDLL(None).setns(home.fileno(), CLONE_NEWNET)
            for name in (a, b):
                subprocess.run(("ip", "netns", "del", name), check=False)


def counts(name: str) -> tuple[int, int]:
    """Packets that `vb` has received and skbs that TCP has."""
    lines = run(
        "ip", "netns", "exec", name, "cat", "/proc/net/snmp", "/sys/class/net/vb/statistics/rx_packets"
    ).split("\n")
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(lines[-2]), int(dict(zip(names, values, strict=True))["InSegs"])


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def packet(ends: bytes, flow: int, number: int) -> bytes:
    """An Ethernet frame with the ``number``-th segment of a flow. ``ends``: both MAC addresses."""
    here, there = (socket.inet_aton(address) for address in ADDRESSES)
    payload = bytes(PAYLOAD_BYTES)
    tcp = struct.pack("!HHIIHHHH", 20000 + flow, 9, 1 + number * len(payload), 1, 5 << 12 | 0x10, 500, 0, 0)
    size = len(tcp) + len(payload)
    total = checksum(here + there + struct.pack("!HH", socket.IPPROTO_TCP, size) + tcp + payload)
    tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:]
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + size, number & 0xFFFF, 0x4000, 64, socket.IPPROTO_TCP, 0, here, there
    )
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ends + b"\x08\0" + ip + tcp + payload


def burst(ends: bytes, flows: int, in_a_row: int) -> list[bytes]:
    """Packets of all flows by turns."""
    turns = -(-BURST // (flows * in_a_row))
    return [
        packet(ends, flow, turn * in_a_row + place)
        for turn in range(turns)
        for flow in range(flows)
        for place in range(in_a_row)
    ][:BURST]


def mac(name: str, device: str) -> bytes:
    return bytes.fromhex(
        run("ip", "netns", "exec", name, "cat", f"/sys/class/net/{device}/address").strip().replace(":", "")
    )


def by_hand(a: str, b: str) -> list[dict[str, Any]]:
    """Bursts of packets, the poll of the queue in a thread (`napi/vb-0`) of the sender's core."""
    threaded = Path("/sys/class/net/vb/threaded")
    run("ip", "netns", "exec", b, "sh", "-c", f"echo 1 > {threaded}")
    time.sleep(0.3)
    poll = [line.split()[0] for line in run("ps", "-eo", "pid,comm").split("\n") if "napi/vb" in line][-1]
    run("taskset", "-pc", "1", poll)
    ends, rows = mac(b, "vb") + mac(a, "va"), []
    os.sched_setaffinity(0, {1})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("va", 0))
        for flows in (1, 2, 4, 8, 16, 24, 64):
            for in_a_row in (1, 4, 16):
                packets = burst(ends, flows, in_a_row)
                before = counts(b)
                for _ in range(BURSTS):
                    for one in packets:
                        sender.send(one)
                    time.sleep(SETTLE_S)
                after = counts(b)
                rows.append(
                    {
                        "flows": flows,
                        "in_a_row": in_a_row,
                        "packets": after[0] - before[0],
                        "skbs": after[1] - before[1],
                    }
                )
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    run("ip", "netns", "exec", b, "sh", "-c", f"echo 0 > {threaded}")
    return rows


def connections(b: str) -> list[dict[str, Any]]:
    """iperf3, its sender on one core and on two."""
    rows = []
    for cores, other in (("0", "1"), ("0,1", "0,1")):
        for flows in (1, 2, 4, 8, 16):
            server = subprocess.Popen(
                ("ip", "netns", "exec", b, "taskset", "-c", other, "iperf3", "-s", "-1"),
                stdout=subprocess.DEVNULL,
            )
            time.sleep(0.3)
            before = counts(b)
            said = json.loads(
                run("taskset", "-c", cores, "iperf3", "-J", "-c", ADDRESSES[1], "-P", str(flows), "-t", "2")
            )
            after = counts(b)
            server.wait(10)
            rows.append({
                "flows": flows, "sender_cores": len(cores.split(",")), "packets": after[0] - before[0], "skbs": after[1] - before[1],
                "bps": round(said["end"]["sum_received"]["bits_per_second"]),
            })  # fmt: skip
    return rows


def hertz() -> int:
    """CONFIG_HZ: below 1000, what a poll has merged is handed on when it ends."""
    with gzip.open("/proc/config.gz", "rt") as file:
        return next(int(line.partition("=")[2]) for line in file if line.startswith("CONFIG_HZ="))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    with pair() as (a, b):
        found = {
            "kernel": platform.release().split("-")[0],
            "date": str(date.today()),
            "hertz": hertz(),
            "by_hand": by_hand(a, b),
            "iperf3": connections(b),
        }
    lines = json.dumps(found).replace("[{", "[\n{").replace("}, {", "},\n{").replace("}], ", "}\n],\n")
    out.write_text(lines + "\n")


if __name__ == "__main__":
    main()
