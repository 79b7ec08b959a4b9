"""Machines from node groups, each with its labels and its host profile."""

from __future__ import annotations

import os

from netsim.datapath.processors import on_sockets
from netsim.datapath.profile import HostProfile, load_profile
from netsim.model.entities import Node
from netsim.model.fabric import check_labels
from netsim.model.problems import Problems
from netsim.scenario.problems import ScenarioError, show
from netsim.scenario.schema import Scenario


def build_nodes(scenario: Scenario, problems: Problems) -> dict[str, Node]:
    """All machines, by name, in the order of the file."""
    base_dir = os.path.dirname(scenario.source) if scenario.source else ""
    profiles: dict[str, HostProfile | None] = {}
    nodes: dict[str, Node] = {}
    placed = scenario.hypervisor_of()
    check_labels(scenario, problems)
    for group, spec in scenario.nodes.items():
        if spec.profile not in profiles:
            profiles[spec.profile] = _profile(spec.profile, base_dir or ".", group, problems)
        profile = profiles[spec.profile]
        if profile is None:
            continue
        for i in range(spec.count):
            labels = {key: value for key in spec.labels if (value := spec.label(key, i)) is not None}
            name = f"{group}-{i + 1}"
            machine = placed.get(name, name)
            node = Node(
                name=name,
                index=len(nodes),
                group=group,
                group_index=i,
                role=spec.role,
                cores=spec.cores,
                profile=on_sockets(profile, spec.sockets),
                nic=spec.nic,
                rx_queues=spec.rx_queues(),
                labels=labels,
                machine=machine,
                machine_cores=scenario.hypervisors[machine].cores if name in placed else spec.cores,
                smt=spec.smt,
                fabric_mtu=scenario.fabric.mtu,
                uplink=scenario.hypervisors[machine].nic if name in placed else None,
            )
            nodes[node.name] = node
    return nodes


def _profile(name: str, base_dir: str, group: str, problems: Problems) -> HostProfile | None:
    """The group's profile; None, and problems, if it cannot be used.

    What is wrong with the name is shown at the name, what is wrong inside the file at its own lines.
    """
    try:
        return load_profile(name, base_dir)
    except ScenarioError as error:
        for problem in error.problems:
            if problem.line:
                problems.found.append(problem)
            else:
                found = show(name) if problem.found == show(name) else f"{show(name)} ({problem.found})"
                expected = "a profile: stock, tuned, lab or a YAML file that can be read"
                problems.add(("nodes", group, "profile"), problem.code, expected, found, problem.help)
        return None
