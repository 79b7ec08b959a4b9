"""The fast engine: the reference's rules in one compiled event loop over flat arrays."""
