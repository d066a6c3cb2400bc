"""Runs of the program that are killed at a chosen write, as a machine that goes down would."""

import contextlib
import os
import signal
import sys

import train_test
from utils import signals

WRITES = ("replace", "rename", "fsync", "mkdir", "unlink", "truncate")
"""The functions of `os` that change what is on the disk for good."""


def run_in_fork(argv, after=None, number=signal.SIGKILL, setup=None):
    """Runs a command line in a process of its own, which has what this one has imported.

    Args:
        after: the number of writes, from 1, after which the process gets a signal; None: never.
        number: the signal.
        setup: is called in the process before.

    Returns:
        (the status as `os.waitstatus_to_exitcode` gives it, the number of writes where the process
        came to its end).
    """
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        _run(argv, after, number, setup, writer)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), int(text or 0)


def _run(argv, after, number, setup, writer):
    """The life of the process."""
    status, count = 99, [0]
    try:
        os.setpgid(0, 0)
        _count_writes(count, after, number)
        signals.install()
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            if setup:
                setup()
            status = train_test.main([str(word) for word in argv])
        os.write(writer, str(count[0]).encode())
    finally:
        sys.stderr.flush()
        os._exit(status)


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
