"""Several processes of one run on this machine, by torch's launcher; and what each of them begins
with."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from utils.ranks import Ranks
from utils.workers import ENDED, is_launched

if TYPE_CHECKING:
    from engine.config import Config

_SIGNALS = "SIGTERM,SIGINT,SIGUSR1"
_SECONDS = 300  # in which processes that are to stop finish their step and save


def launch(processes: int, argv: list[str]) -> int:
    """Runs the command line in several processes; returns the exit status of one that failed, else
    0."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable()  # the processes tell it all
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",  # a machine's own name need not be known to it
        run_id=str(os.getpid()),
        max_restarts=0,
        signals_to_handle=_SIGNALS,
        shutdown_timeout=_SECONDS,
        logs_specs=DefaultLogsSpecs(),
    )
    script = str(Path(__file__).parents[1] / "train_test.py")
    try:
        elastic_launch(config, sys.executable)(script, *argv)
    except ChildFailedError as failure:
        return _status_of({rank: each.exitcode for rank, each in failure.failures.items()})
    except SignalException as stop:
        return 128 + stop.sigval
    return 0


def _status_of(statuses: dict[int, int]) -> int:
    """The exit status of a run whose processes failed with these, by rank; negative: by a signal,
    which no process can tell."""
    first = {rank: status for rank, status in statuses.items() if status != ENDED} or statuses
    rank, status = max(first.items(), key=lambda item: item[1] > 0)
    if status > 0:
        return status
    name = signal.Signals(-status).name
    print(
        f"error: process {rank} was ended by {name}; the same command goes on from the last "
        "checkpoint",
        file=sys.stderr,
    )
    return 128 - status


@contextlib.contextmanager
def joined_processes(config: Config) -> Iterator[Ranks]:
    """The processes of the run that this one belongs to: itself alone, unless a launcher started
    it."""
    if not is_launched():
        yield Ranks()
        return
    import torch.distributed as dist

    from engine.runs.device import choose_device
    from engine.training.process_group import ProcessGroup

    cores, processes = len(os.sched_getaffinity(0)), int(os.environ["LOCAL_WORLD_SIZE"])
    torch.set_num_threads(max(1, cores // processes))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        ranks = ProcessGroup()
        ranks.together(lambda: choose_device(config))  # refuses one that is not there
        yield ranks
    finally:
        dist.destroy_process_group()
