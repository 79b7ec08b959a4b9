"""By which network a container leaves, and who is attached to docker_gwbridge, by Docker's rules."""

from __future__ import annotations

import pytest

from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.scenario import loads

HEAD = """netsim: 1
nodes: {m: {role: manager, count: 2}}
networks:
  alpha: {driver: bridge}
  zulu: {driver: bridge}
  deep: {driver: bridge, internal: true}
  lan: {driver: macvlan, parent: eth0}
  ov: {attachable: true}
  shut: {attachable: true, internal: true}
"""


def model(text: str) -> Model:
    return build_model(loads(HEAD + text))


@pytest.mark.parametrize(
    ("networks", "egress"),
    [
        ("[zulu, alpha]", "alpha"),  # by name
        ("{zulu: {gw_priority: 1}, alpha: {}}", "zulu"),  # by priority first
        ("{zulu: {}, alpha: {gw_priority: -1}}", "zulu"),
        ("[zulu, lan]", "lan"),
        ("[deep, zulu]", "zulu"),  # an internal network gives no gateway
        ("{deep: {gw_priority: 9}, zulu: {}}", "zulu"),
        ("[deep]", None),
        ("[ov]", "docker_gwbridge"),
        ("[ov, shut]", "docker_gwbridge"),
        ("[shut]", None),
        ("[ov, zulu]", "zulu"),  # a bridge takes docker_gwbridge's place
        ("[ov, deep]", "docker_gwbridge"),
        ("[deep, shut]", None),
        ("[lan, ov]", "lan"),
        ("[host]", "host"),
        ("[none]", None),
        ("[]", "bridge"),
        ("[bridge, zulu]", "bridge"),
    ],
)
def test_default_route(networks: str, egress: str | None) -> None:
    found = model(f"containers: {{c: {{node: m-1, networks: {networks}}}}}\n")
    assert found.tasks["c"].egress == egress
    assert ("docker_gwbridge" in found.tasks["c"].addresses) == (egress == "docker_gwbridge")


def test_a_task_in_the_mesh_has_docker_gwbridge_even_with_internal_networks_only() -> None:
    found = model("services:\n  a: {networks: [shut], ports: ['80:80']}\n  b: {networks: [shut]}\n  c: {ports: ['81:80']}\n"
                  "  d: {ports: [{published: 82, target: 80, mode: host}]}\n")  # fmt: skip
    egress = {name: found.tasks[f"{name}.1"].egress for name in "abcd"}
    assert egress == {"a": "docker_gwbridge", "b": None, "c": "docker_gwbridge", "d": "bridge"}
    assert set(found.tasks["c.1"].addresses) == {"ingress", "docker_gwbridge"}


def test_an_ingress_network_of_ones_own_takes_the_place_of_dockers() -> None:
    text = HEAD + "  door: {ingress: true, subnet: 10.77.0.0/16, mtu: 1300}\n"
    found = build_model(loads(text + "services: {a: {networks: [ov], ports: ['80:80']}}\n"))
    assert found.mesh == "door" and "ingress" not in found.addresses
    assert found.tasks["a.1"].addresses["door"].startswith("10.77.0.")
    assert set(found.addresses["door"].balancers) == {"m-1", "m-2"}


def test_fixed_addresses_are_kept_and_nobody_else_gets_them() -> None:
    text = HEAD.replace(
        "lan: {driver: macvlan, parent: eth0}", "lan: {driver: macvlan, parent: eth0, subnet: 10.7.0.0/29}"
    )
    text += "containers:\n  a: {node: m-1, networks: [lan]}\n  b: {node: m-2, networks: {lan: {ipv4_address: 10.7.0.3}}}\n  c: {node: m-1, networks: [lan]}\n"
    found = build_model(loads(text))
    assert [found.tasks[name].addresses["lan"] for name in "abc"] == ["10.7.0.2", "10.7.0.3", "10.7.0.4"]


def test_endpoints_of_macvlan_share_the_subnet_and_those_of_bridges_do_not() -> None:
    found = model(
        "containers:\n" + "".join(f"  c{i}: {{node: m-{i}, networks: [lan, zulu]}}\n" for i in (1, 2))
    )
    lan, zulu = ({found.tasks[f"c{i}"].addresses[name] for i in (1, 2)} for name in ("lan", "zulu"))
    assert len(lan) == 2 and len(zulu) == 1


def test_services_without_virtual_addresses() -> None:
    found = model(
        "services:\n  a: {networks: [ov], endpoint_mode: dnsrr}\n  b: {networks: [lan]}\n  c: {networks: [ov]}\n"
    )
    assert set(found.addresses["ov"].vips) == {"c"} and not found.addresses["lan"].vips
    assert not found.addresses["lan"].balancers


def test_ports_of_containers_are_published_on_their_node() -> None:
    found = model(
        "containers:\n  a: {node: m-1, ports: ['8080:80', '81']}\n  b: {node: m-2, ports: ['8080:80', '81', '82']}\n"
    )
    assert [(p.party, p.published, p.mode) for p in found.ports] == [
        ("a", 8080, "host"), ("a", 32768, "host"), ("b", 8080, "host"), ("b", 32768, "host"), ("b", 32769, "host"),
    ]  # fmt: skip


def test_dynamic_ports_run_out() -> None:
    ports = ", ".join(["{target: 80}"] * 2769)
    with pytest.raises(
        ValueError, match="PORTS_FULL services.a.ports.2768.: expected a free port from 30000 to 32767"
    ):
        model(f"services: {{a: {{networks: [ov], ports: [{ports}]}}}}\n")
