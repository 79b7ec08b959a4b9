"""Names of the parts that a request's time is made of, in the order of the columns of all splits."""

from __future__ import annotations

from netsim.datapath.profile import STAGES

PARTS = (
    *STAGES, "outside", "switch", "wire", "nic.tx", "app.work", "app.wait", "retry", "syn.retry", "dns.retry", "queue:cpu", "queue:workers",
    "queue:nic_tx", "queue:nic_rx", "queue:switch", "queue:connection", "queue:tcp_window", "queue:other",
)  # fmt: skip
PART = {name: number for number, name in enumerate(PARTS)}
NS = len(PARTS)
