"""Copies of a process that has computed: ``multiprocessing`` makes them by ``fork`` on Linux before Python 3.14."""

from __future__ import annotations

import os
from functools import cache

import torch


@cache
def make_fork_safe() -> None:
    """Let processes forked from this one compute too, each with one thread.

    OpenMP's threads are not copied by a fork, but their pool is; the first layer computed in a copy would wait for them
    for ever. With one thread OpenMP needs no pool. More threads in a copy (``torch.set_num_threads``) hang it still;
    processes started by ``spawn`` or ``forkserver`` have no such limit.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_one_thread)


def _one_thread() -> None:
    torch.set_num_threads(1)
