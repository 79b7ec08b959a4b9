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
