"""IPVS as the kernel does it: schedulers as step functions, and the tables that they work on."""
