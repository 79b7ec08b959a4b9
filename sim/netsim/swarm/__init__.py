"""The control plane: managers, agents, gossip, orchestration, and what breaks them."""
