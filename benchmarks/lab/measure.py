"""Measures the paths of a real swarm whose nodes are network namespaces of this machine, and writes them down.

    python benchmarks/lab/measure.py --node h1=/run/n1/docker.sock --node h2=/run/n2/docker.sock --image busybox \
        --out tests/data/lab/paths.json

A node is a network namespace (`ip netns`) and the socket of the Docker engine in it; the first two of a swarm are
used, the first one a manager. Needs root, iperf3 and sockperf. Rounds go over all paths in turn, so that what else
the machine does falls on all of them; every single value is written down, the comparison takes the median.

Throughput is measured with writes of two lengths, 128 KiB (iperf3's own) and 130,000 B. An skb holds whole segments, so what
is left of a write when its full skbs are gone depends on the segment and the length, and so does the speed: of the two
lengths, mostly one is fast on a path and the other slow (docs/validation.md).

What is measured while other processes use more than a tenth of the machine is measured again, until it is quiet. The
tools spend their time in the kernel, so user time is taken for that of others. Run it with ``nice -n -20``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

BULK_PORT, PING_PORT = 5301, 5302
#: Lengths of writes by the name of what they give.
BLOCK_BYTES = {"bulk_bps": 128 << 10, "bulk_130000_bps": 130_000}
PING_BYTES = 14
NETWORK = "netsim-lab"
#: How often a quiet moment is looked for, how long, and what others may use of the machine then.
TRIES, LOOK_S, MOST_OTHERS = 2000, 0.2, 0.1
RTTS = ("rtt_us", "rtt_p50_us", "rtt_p99_us")


#: Of a full connection, each end keeps to a core, as in the model: where the scheduler puts them changes the speed by half.
SENDER, RECEIVER = ("taskset", "-c", "0"), ("taskset", "-c", "1")
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a process runs: a command that enters its network namespace, and the address that it has there."""

    enter: tuple[str, ...]
    address: str


def output(*words: str) -> str:
    """What a command prints; raises ``CalledProcessError`` if it fails."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


class Lab:
    """Containers on two nodes, one for each end of a path."""

    def __init__(self, nodes: list[tuple[str, str]], image: str) -> None:
        self.nodes = nodes
        self.image = image
        self.made: list[tuple[int, str]] = []

    def docker(self, node: int, *words: str) -> str:
        """One command of the engine on a node."""
        return output("docker", "-H", f"unix://{self.nodes[node][1]}", *words)

    def host(self, node: int) -> Place:
        """A process on a node itself."""
        enter = ("nsenter", f"--net=/var/run/netns/{self.nodes[node][0]}")
        words = output(*enter, "ip", "-4", "-o", "addr", "show", "dev", "eth0").split()
        return Place(enter, words[words.index("inet") + 1].partition("/")[0])

    def container(self, node: int, name: str, network: str) -> Place:
        """A new container on a network."""
        name = f"{NETWORK}-{name}"
        self.docker(node, "run", "-d", "--name", name, "--network", network, self.image, "sleep", "100000")
        self.made.append((node, name))
        what = '{{.State.Pid}} {{(index .NetworkSettings.Networks "' + network + '").IPAddress}}'
        pid, address = self.docker(node, "inspect", "-f", what, name).split()
        return Place(("nsenter", "-n", "-t", pid), address)

    def paths(self) -> dict[str, tuple[Place, Place, str]]:
        """Client, server and the address that is asked, by the name of the path."""
        self.docker(0, "network", "create", "-d", "overlay", "--attachable", NETWORK)
        h1, h2 = self.host(0), self.host(1)
        a, b = self.container(0, "a", "bridge"), self.container(0, "b", "bridge")
        x, y, z = (self.container(n, name, NETWORK) for n, name in ((0, "x"), (0, "y"), (1, "z")))
        return {
            "loopback": (h1, h1, "127.0.0.1"),
            "host_to_host": (h1, h2, h2.address),
            "bridge_same_node": (a, b, b.address),
            "host_to_container": (h1, b, b.address),
            "overlay_same_node": (x, y, y.address),
            "overlay_across": (x, z, z.address),
            "nat_out": (a, h2, h2.address),
        }

    def clear(self) -> None:
        """Remove what was made."""
        for node, name in self.made:
            self.docker(node, "rm", "-f", name)
        self.docker(0, "network", "rm", NETWORK)


def bulk(client: Place, server: Place, address: str, seconds: int, block_bytes: int) -> float:
    """One TCP connection that is always full, by writes of ``block_bytes``: bit/s at the receiver."""
    found = iperf(client, server, address, "-t", str(seconds), "-O", "0.3", "-l", str(block_bytes))
    return float(found["end"]["sum_received"]["bits_per_second"])


def iperf(client: Place, server: Place, address: str, *words: str) -> Any:
    """What iperf3 says of one connection."""
    with subprocess.Popen(
        [*server.enter, *RECEIVER, "iperf3", "-s", "-1", "-p", str(BULK_PORT)], stdout=subprocess.DEVNULL
    ) as listening:
        time.sleep(0.4)
        text = output(
            *client.enter, *SENDER, "iperf3", "-c", address, "-p", str(BULK_PORT), "-C", "cubic", "-J", *words
        )
        listening.wait(timeout=20)
    return json.loads(text)


def ping_pong(client: Place, server: Place, address: str, seconds: int) -> dict[str, float]:
    """One message after the other over one TCP connection: mean and quantiles of the round trip (us)."""
    with subprocess.Popen(
        [*server.enter, "sockperf", "sr", "--tcp", "-p", str(PING_PORT)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as listening:  # fmt: skip
        time.sleep(0.4)
        try:
            text = output(*client.enter, "sockperf", "pp", "--tcp", "-i", address, "-p", str(PING_PORT),
                          "-t", str(seconds), "-m", str(PING_BYTES), "--full-rtt")  # fmt: skip
        finally:
            listening.kill()
    found = {}
    for line in text.splitlines():
        if "Summary:" in line:
            found["mean"] = float(line.split(" is ")[1].split()[0])
        for name in ("50.000", "99.000"):
            if f"percentile {name}" in line:
                found["p" + name[:2]] = float(line.split("=")[1])
    return found


def quietly(measure: Callable[[], T]) -> T:
    """The first result that others have hardly disturbed. Raises ``TimeoutError`` if there is none."""
    for _ in range(TRIES):
        if others(partial(time.sleep, LOOK_S))[1] > MOST_OTHERS:
            continue
        found, share = others(measure)
        if share <= MOST_OTHERS:
            return found
    raise TimeoutError(f"others have used more than {MOST_OTHERS:.0%} of the machine {TRIES} times")


def others(measure: Callable[[], T]) -> tuple[T, float]:
    """A result, and the share of the machine that was spent in user mode meanwhile."""
    before, started = user_s(), time.monotonic()
    found = measure()
    return found, (user_s() - before) / (time.monotonic() - started) / (os.cpu_count() or 1)


def user_s() -> float:
    """User time of all processes since the machine began (proc_stat(5))."""
    words = Path("/proc/stat").read_text().split()
    return (int(words[1]) + int(words[2])) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, object]:
    """What was measured on."""
    model = next(
        (
            x.split(":")[1].strip()
            for x in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in x
        ),
        "",
    )
    return {
        "date": date.today().isoformat(),
        "kernel": platform.release(),
        "processor": model,
        "cores": os.cpu_count(),
        "iperf3": output("iperf3", "--version").split()[1],
        "sockperf": output("sockperf", "--version").split()[2].partition("-")[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--node", action="append", required=True, metavar="NETNS=SOCKET")
    parser.add_argument("--image", default="busybox")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--bulk-only", action="store_true", help="leave out the round trips")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    nodes = [(name, socket) for name, _, socket in (text.partition("=") for text in given.node)]
    if len(nodes) < 2 or not all(socket for _, socket in nodes):
        parser.error("two nodes are needed, each as NETNS=SOCKET")
    lab = Lab(nodes, given.image)
    found: dict[str, dict[str, list[float]]] = {}
    keys = (*BLOCK_BYTES, *(() if given.bulk_only else RTTS))
    engine = lab.docker(0, "version", "-f", "{{.Server.Version}}")
    try:
        paths = lab.paths()
        for number in range(given.rounds):
            for name, (client, server, address) in paths.items():
                row = found.setdefault(name, {key: [] for key in keys})
                ends = (client, server, address, given.seconds)
                for key, block in BLOCK_BYTES.items():
                    row[key].append(round(quietly(partial(bulk, *ends, block))))
                    print(number, name, block, f"{row[key][-1] / 1e9:.2f} Gbit/s", flush=True)
                if given.bulk_only:
                    continue
                rtt = quietly(partial(ping_pong, *ends))
                row["rtt_us"].append(rtt["mean"])
                row["rtt_p50_us"].append(rtt["p50"])
                row["rtt_p99_us"].append(rtt["p99"])
                print(number, name, rtt, flush=True)
    finally:
        lab.clear()
    link = output(*lab.host(0).enter, "ip", "-o", "link", "show", "dev", "eth0").split()
    mtu = int(link[link.index("mtu") + 1])
    record = {"measured": {**machine(), "docker": engine, "mtu": mtu, "rounds": given.rounds},
              "paths": found}  # fmt: skip
    given.out.parent.mkdir(parents=True, exist_ok=True)
    half = given.out.with_suffix(".part")
    half.write_text(json.dumps(record, indent=1) + "\n")
    half.replace(given.out)


if __name__ == "__main__":
    main()
