"""A real kernel as a process: user-mode Linux over the host's files (Debian's user-mode-linux, ipvsadm, kmod)."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODULES = Path("/usr/lib/uml/modules")
NEEDED = ("linux.uml", "ipvsadm", "depmod", "ip", "busybox")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh")
#: What Docker sets in its sandboxes.
DOCKER = {"conn_reuse_mode": 0, "expire_nodest_conn": 1, "expire_quiescent_template": 1}
FLAGS = {"sh": ("", "sh-port", "sh-fallback"), "mh": ("", "mh-port", "mh-fallback")}


def missing() -> str:
    """What is not installed; empty if all is there."""
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    if not MODULES.is_dir():
        lacking.append(str(MODULES))
    return ", ".join(lacking)


def run(script: Path, *words: str, seconds: int = 240) -> str:
    """Run a Python script as the kernel's first process; what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        version = next(MODULES.iterdir())
        tree = Path(folder) / "lib" / "modules"
        shutil.copytree(version, tree / version.name)
        subprocess.run(["depmod", "-b", folder, version.name], check=True)
        init = Path(folder) / "init"
        modules = " ".join(f"ip_vs_{name}" for name in (*SCHEDULERS, "twos"))
        init.write_text(
            "#!/bin/sh\n"
            "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\n"
            "mount -t proc none /proc\nmount -t sysfs none /sys\nmount -t tmpfs none /run\nip link set lo up\n"
            f"for m in ip_vs {modules}; do modprobe -d {folder} $m; done\n"
            f"{sys.executable} {script} {' '.join(words)}\nbusybox poweroff -f\n"
        )
        init.chmod(0o755)
        done = subprocess.run(
            ["linux.uml", "mem=512M", "rootfstype=hostfs", "rootflags=/", "rw", f"init={init}", "con=null",
             "con0=null,fd:1", "ssl=null", "quiet"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        return done.stdout


def cases(seed: int, each: int, schedulers: tuple[str, ...] = SCHEDULERS) -> list[dict]:
    """Random cases for the schedulers that do not draw, flags and thresholds among them."""
    rng, found, port = random.Random(seed), [], 20000
    for scheduler in schedulers:
        for k in range(each):
            numbers = rng.sample(range(1, 9), rng.randint(2, 6))
            even = scheduler in ("rr", "lc")
            case: dict = {
                "scheduler": scheduler,
                "dests": [[n, 1 if even else rng.choice([1, 1, 2, 3, 5, 40])] for n in numbers],
            }
            choices = FLAGS.get(scheduler, ("",))
            if choices[k % len(choices)]:
                case["flags"] = choices[k % len(choices)]
            elif rng.random() < 0.3:
                case["u"] = rng.randint(2, 6)
            there, ops, opened, open_ = set(numbers), [], 0, []
            for _ in range(70):
                x = rng.random()
                if x < 0.64 or not open_:
                    ops.append(["open", opened, rng.randint(1, 24), port])
                    open_.append(opened)
                    opened, port = opened + 1, port + 1 if port < 60000 else 20000
                elif x < 0.84:
                    ops.append(["close", open_.pop(rng.randrange(len(open_)))])
                elif x < 0.91:
                    ops.append(["weight", rng.choice(sorted(there)), rng.choice([0, 1, 2, 4, 6])])
                elif x < 0.955 and len(there) < 8:
                    ops.append(["add", rng.choice(sorted(set(range(1, 9)) - there)), rng.choice([0, 1, 3])])
                    there.add(ops[-1][1])
                elif there:
                    ops.append(["del", rng.choice(sorted(there))])
                    there.discard(ops[-1][1])
                if not there:
                    ops.append(["add", 1, 1])
                    there.add(1)
            found.append({**case, "ops": ops})
    return found


def udp_cases(seed: int, each: int) -> list[dict]:
    """The same for UDP: every datagram comes from another port."""
    found = cases(seed, each, ("rr", "wrr", "lc", "wlc", "sed", "nq", "ovf", "sh"))
    return [{**case, "udp": True} for case in found]


def persistent_cases(seed: int, count: int) -> list[dict]:
    """Clients that stay with their destinations, some by their network. No wait ends near the end of a template."""
    rng, found, port = random.Random(seed), [], 20000
    for k in range(count):
        numbers = rng.sample(range(1, 9), 4)
        ops, opened, open_, waits = [], 0, [], 0
        while len(ops) < 36:
            x = rng.random()
            if x < 0.5 or not open_:
                ops.append(["open", opened, rng.randint(1, 12), port])
                open_.append(opened)
                opened, port = opened + 1, port + 1
            elif x < 0.68:
                ops.append(["close", open_.pop(rng.randrange(len(open_)))])
            elif x < 0.8 and waits < 6:
                ops += [["wait", 1.6], ["templates"]]
                waits += 1
            elif x < 0.93:
                ops.append(["weight", rng.choice(numbers), rng.choice([0, 0, 1, 2])])
            else:
                ops.append(["templates"])
        found.append(
            {"scheduler": ("rr", "wlc", "wrr")[k % 3], "dests": [[n, 1] for n in numbers], "persistent": 4,
             "mask": (32, 30, 32, 29)[k % 4], "sysctls": {"expire_quiescent_template": k // 2 % 2}, "ops": ops}
        )  # fmt: skip
    return found


def reuse_cases(seed: int, count: int) -> list[dict]:
    """Source ports that are used again while IPVS still has the old connection in TIME_WAIT."""
    rng, found, port = random.Random(seed), [], 30000
    for k in range(count):
        numbers = rng.sample(range(1, 9), 4)
        ops, opened, open_, over = [], 0, [], []
        for _ in range(50):
            x = rng.random()
            if over and x < 0.3:
                source, used = over.pop(rng.randrange(len(over)))
                ops.append(["open", opened, source, used])
                open_.append((opened, source, used))
                opened += 1
            elif x < 0.55 or not open_:
                ops.append(["open", opened, rng.randint(1, 24), port])
                open_.append((opened, *ops[-1][2:]))
                opened, port = opened + 1, port + 1
            elif x < 0.85:
                conn, source, used = open_.pop(rng.randrange(len(open_)))
                ops.append(["hang_up", conn])
                over.append((source, used))
            else:
                ops.append(["weight", rng.choice(numbers), rng.choice([0, 0, 1, 2])])
        ops += [["wait", 1], ["entries"]]
        settings = (DOCKER, {}, {**DOCKER, "expire_nodest_conn": 0}, {"expire_nodest_conn": 1})[k % 4]
        found.append(
            {"scheduler": ("rr", "wlc", "sed")[k % 3], "dests": [[n, 1] for n in numbers],
             "sysctls": {"conn_reuse_mode": 1, **settings}, "ops": ops}
        )  # fmt: skip
    return found


def drop_case() -> dict:
    """Idle connections whose entries are dropped at random once they have lasted for 60 s."""
    ops = [["open", i, 1 + i % 24, 24000 + i] for i in range(400)] + [["entries"], ["wait", 50], ["entries"]]
    ops += [["wait", 10], ["entries"]] * 10
    return {"scheduler": "rr", "sysctls": {"drop_entry": 3}, "dests": [[1, 1], [2, 1]], "ops": ops}
