"""Runs of the program in processes of their own, which a test can kill or hinder where it wants."""

import importlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch

import train_test
from utils import signals

_IMPORTED_BY_TRAININGS = (
    "engine.runs.experiment",
    "timm",
    "torch._dynamo",
    "torch.utils.flop_counter",
    "torch.utils.tensorboard",
)
for name in _IMPORTED_BY_TRAININGS:  # once here, not for seconds in each fork
    importlib.import_module(name)
# Autograd starts its threads at the first backward pass of a process. After an export they would be
# threads that a fork cannot have.
torch.ones(1, requires_grad=True).backward()

WRITES = ("replace", "rename", "fsync", "mkdir", "unlink", "truncate")
"""The functions of `os` that change what is on the disk for good."""


class Ended(NamedTuple):
    """How a process ended: its exit status (negative: by which signal), how often it wrote, where
    it came to its end, and all that it printed."""

    status: int
    writes: int
    out: str
    err: str


class Fork:
    """A command line that runs in a process of its own, which has what this one has imported.

    Args:
        after: the number of writes, from 1, after which the process gets a signal; None: never.
        number: the signal.
        setup: is called in the process before.
    """

    def __init__(self, argv, after=None, number=signal.SIGKILL, setup=None):
        self._folder = tempfile.TemporaryDirectory()
        self.out, self.err = (Path(self._folder.name) / name for name in ("out", "err"))
        self._writes = Path(self._folder.name) / "writes"
        self.process = os.fork()
        if self.process == 0:
            self._live(argv, after, number, setup)

    def wait(self):
        _, status = os.waitpid(self.process, 0)
        writes = int(self._writes.read_text()) if self._writes.exists() else 0
        out, err = self.out.read_text(), self.err.read_text()
        self._folder.cleanup()
        return Ended(os.waitstatus_to_exitcode(status), writes, out, err)

    def _live(self, argv, after, number, setup):
        status, count = 99, [0]
        try:
            os.setpgid(0, 0)
            for path, descriptor in ((self.out, 1), (self.err, 2)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            _count_writes(count, after, number)
            signals.install()
            if setup:
                setup()
            status = train_test.main([str(word) for word in argv])
            sys.stdout.flush()
            self._writes.write_text(str(count[0]))
        finally:
            os._exit(status)


def run_in_fork(argv, **options):
    return Fork(argv, **options).wait()


def _count_writes(count, after, number):
    process = os.getpid()

    def counted(function):
        def call(*arguments, **options):
            result = function(*arguments, **options)
            if os.getpid() == process:
                count[0] += 1
                if count[0] == after:
                    os.kill(process, number)
            return result

        return call

    for name in WRITES:
        setattr(os, name, counted(getattr(os, name)))


def before_call(owner, name, act, call=1):
    """Makes the `call`-th call of a function of this process do something else first."""
    function, calls, process = getattr(owner, name), [0], os.getpid()

    def wrapped(*arguments, **options):
        if os.getpid() == process:
            calls[0] += 1
            if calls[0] == call:
                act()
        return function(*arguments, **options)

    setattr(owner, name, wrapped)
