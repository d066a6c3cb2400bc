"""Several processes that share a batch, as tests want them."""

import multiprocessing
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing

from engine.training.process_group import ProcessGroup

NUMBERS = [pytest.param(2, marks=pytest.mark.slow), 3]
"""Of processes, with which a test compares one: of three, shares are of unequal sizes."""

_LIMIT = 240
"""Seconds, after which processes that still run are ended, and the test has failed."""


# Processes are forked from one that has imported what takes seconds, and has done nothing else.
multiprocessing.set_forkserver_preload(["engine.runs.experiment", "torch._dynamo"])


def run_processes(function, size, folder):
    """What `function(ranks)` returns in each of `size` processes, in the order of the ranks. It is
    a function of a module, and returns what `torch.save` can write."""
    processes = torch.multiprocessing.start_processes(
        _run, (function, size, folder), size, join=False, start_method="forkserver"
    )
    end = time.monotonic() + _LIMIT
    try:
        while not processes.join(timeout=1):
            assert time.monotonic() < end, f"{size} processes wait for each other"
    finally:
        for process in processes.processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]


def _run(rank, function, size, folder):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=60),
    )
    torch.save(function(ProcessGroup()), folder / f"{rank}.pt")
    dist.destroy_process_group()
