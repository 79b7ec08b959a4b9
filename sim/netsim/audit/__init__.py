"""Limits that can be checked without simulating. A new limit is a rule in a module that is imported here."""

from netsim.audit import addresses, cards, flows, links, machines, points, ports, racks
from netsim.audit.limit import Limit, audit, rule, to_dict

__all__ = [
    "Limit",
    "addresses",
    "audit",
    "cards",
    "flows",
    "links",
    "machines",
    "points",
    "ports",
    "racks",
    "rule",
    "to_dict",
]
