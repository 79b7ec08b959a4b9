"""Words of compose and of docker commands that the language has not, and what to write instead: help for who guesses."""

from __future__ import annotations

#: By the model that would have the word.
FOREIGN: dict[str, dict[str, str]] = {
    "Network": {
        "enable_ipv6": "IPv4 is simulated: leave it out",
        "driver_opts": "write options: {...}",
        "ipam": "write subnet: 10.1.0.0/24",
        "gateway": "the first address of the subnet is the gateway",
        "external": "say what the network is: driver, subnet, options",
        "scope": "overlay, and whatever services attach to, spans the swarm",
        "labels": "labels of networks change nothing: leave them out",
    },
    "Service": {
        "deploy": "write its words (replicas, mode, placement, ...) as words of the service",
        "network_mode": "write networks: [host]",
        "aliases": "write networks: {NETWORK: {aliases: [NAME]}}",
        "links": "services on a common network find each other by name",
        "container_name": "tasks are called SERVICE.1, SERVICE.2, ...",
        "expose": "containers on one network reach all of each other's ports: leave it out",
        "depends_on": "a swarm starts services in any order: leave it out",
        "cpus": "write resources: {limits: {cpus: 0.5}}",
        "restart": "write restart_policy: {condition: any}",
        "node": "write placement: {constraints: [node.hostname == NODE]}, or make it a container",
    },
    "Container": {
        "network_mode": "write networks: [host] or networks: [none]; the namespace of another container cannot be shared",
        "network": "write networks: [NAME]",
        "expose": "containers on one network reach all of each other's ports: leave it out",
        "restart_policy": "write restart: on-failure:5",
        "cpus": "write resources: {limits: {cpus: 0.5}}",
        "replicas": "a container is one: make it a service",
        "ip": "write networks: {NAME: {ipv4_address: 10.1.0.9}}",
        "network_alias": "write networks: {NETWORK: {aliases: [NAME]}}",
    },
    "Port": {
        "host_ip": "a port is published on all addresses of a node: leave it out",
        "name": "ports have no names: leave it out",
        "app_protocol": "it changes nothing: leave it out",
    },
    "Attachment": {
        "ipv6_address": "IPv4 is simulated: write ipv4_address",
        "link_local_ips": "IPv4 is simulated, with one address for each network: leave it out",
        "mac_address": "MAC addresses change nothing: leave it out",
        "priority": "for the default route write gw_priority",
        "interface_name": "names of interfaces change nothing: leave it out",
    },
}


def instead(model: str, word: object) -> str | None:
    """What to write instead of a word of Docker's that the model has not."""
    return FOREIGN.get(model, {}).get(str(word))
