"""Congestion controls as step functions over a few integers, and the window rules that are common to all of them."""
