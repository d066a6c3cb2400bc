"""A command of a sweep, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A command of a sweep.

    Attributes:
        name: as people read it, such as 'baseline depth, seed 0'.
        argv: the command line, after `train_test.py`.
        needs: the names of the jobs that come before it.
    """

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name, as a file can be called."""
        return "".join(c if c.isalnum() or c in "-._" else "-" for c in self.name)


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        status: its exit status; None where it was not started.
        line: what it said last, or why it was not started.
        seconds: how long it took.
    """

    job: Job
    status: int | None
    line: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        return self.status != 0
