"""Overlays without swarm mode: an external key-value store, discovery by heartbeats, endpoints by Serf."""
