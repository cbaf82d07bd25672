"""Generators of everything that host and device agree on; see generate.py."""
