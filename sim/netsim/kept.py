"""The folder where what is made once is kept for later starts: compiled code, and compiled templates."""

from __future__ import annotations

import os


def kept(name: str) -> str | None:
    """The folder of that name, made if it was not there; None where nothing can be written."""
    base = (
        os.environ.get("NETSIM_CACHE_DIR")
        or os.environ.get("XDG_CACHE_HOME")
        or os.path.expanduser("~/.cache")
    )
    folder = os.path.join(base, "netsim", name)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
