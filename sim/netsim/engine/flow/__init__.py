"""The flow engine: rates instead of packets. Max-min fair sharing, and queueing formulas on top of it."""
