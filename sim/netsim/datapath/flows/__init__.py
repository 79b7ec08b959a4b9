"""Who passes a node's tables: connections in conntrack, NAT and IPVS, as step functions over one flat array."""
