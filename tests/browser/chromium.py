"""A headless Chromium over its debugging pipe: pages as a reader sees them, without any driver to install."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip


class Browser:
    """One page. ``events``: what the browser told, ``{method, params}``, in order."""

    def __init__(self, to: int, of: int) -> None:
        self._to, self._of, self._buffer, self._number = to, of, b"", 0
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The browser's answer to a command of its debugging protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            found = self._next(60)
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                return dict(found["result"])
            self.events.append(found)

    def _next(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._of], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"the browser said nothing for {seconds} s"
            read = os.read(self._of, 1 << 16)
            assert read, "the browser has gone"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives; promises are waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def show(self, page: Path, width: int, dark: bool = False, height: int = 900) -> float:
        """Open a page; returns after how many seconds all of its figures were drawn."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        begun = time.monotonic()
        self.call("Page.navigate", url=page.as_uri())
        drawn = f"location.href === {json.dumps(page.as_uri())} && !!document.querySelector('html.drawn')"
        while not self.value(drawn):
            assert time.monotonic() - begun < 60, "the page was not drawn in 60 s"
            time.sleep(0.02)
        return time.monotonic() - begun

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and what the page tried to load besides itself."""
        told = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                told.append(str(params["exceptionDetails"]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                told.append(str(params["entry"]))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                told.append(str(params["args"]))
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    told.append(f"asked for {url}")
        return told


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium that ends with the block."""
    to_read, to_write = os.pipe()
    of_read, of_write = os.pipe()
    # It reads commands from descriptor 3 and writes to 4; dash takes descriptors of one digit only.
    command = [
        "bash",
        "-c",
        f'exec "$0" "$@" 3<&{to_read} 4>&{of_write}',
        str(CHROMIUM),
        *_FLAGS,
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen(
        command, pass_fds=(to_read, of_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )  # fmt: skip
    os.close(to_read)
    os.close(of_write)
    try:
        yield Browser(to_write, of_read)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        os.close(to_write)
        os.close(of_read)
