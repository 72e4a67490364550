"""Faster implementations of the network for one kind of processor each."""
