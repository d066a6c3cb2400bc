"""`predictions.json`: what was predicted, what failed, and what was there already."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.modes.predict.lists import SpooledList, write_lists
from utils.errors import one_line
from utils.text import count_of

NAME = "predictions.json"


class Record:
    """What has been done so far. Failures and files that are there are told as they are met.

    Args:
        folder: of the output.
        overwrite: whether files that are there are replaced.
    """

    def __init__(self, folder: Path, overwrite: bool):
        self.overwrite = overwrite
        self.path = folder / NAME
        self.images = 0
        self._inputs, self._failed, self._skipped = (SpooledList(folder) for _ in range(3))
        self._is_written = self.may_write(self.path)

    @property
    def status(self) -> int:
        """The exit status."""
        return 1 if self._failed.count or self._skipped.count else 0

    def may_write(self, path: Path) -> bool:
        """Whether a file may be written; tells the user where it may not."""
        if self.overwrite or not os.path.lexists(path):
            return True
        self.skip(path)
        return False

    def skip(self, path: Path) -> None:
        """A file that is there."""
        self._skipped.add(str(path))
        _tell(f"{path}: is there already, and was left as it is; --overwrite replaces it")

    def fail(self, source: str, reason: str) -> None:
        """An input that could not be read."""
        self._failed.add({"input": source, "reason": reason})
        _tell(reason)

    def add(self, entry: Mapping[str, Any]) -> None:
        """An input that was predicted."""
        self._inputs.add(dict(entry))

    def write(self, about: Mapping[str, Any]) -> None:
        """Writes `predictions.json`, unless it was there.

        Args:
            about: what stands before the lists.
        """
        lists = {"inputs": self._inputs, "failed": self._failed, "skipped": self._skipped}
        if self._is_written:
            write_lists(self.path, about, lists)

    def summary(self) -> str:
        """What was done, in a line."""
        parts = [f"{count_of(self.images, 'image')} predicted"]
        if count := self._failed.count:
            parts.append(f"{count_of(count, 'input')} failed")
        if count := self._skipped.count:
            parts.append(f"{count_of(count, 'file')} left as they were")
        end = f"; {self.path} lists all" if self._is_written else ""
        return ", ".join(parts) + end


def _tell(text: str) -> None:
    """A line to the user, above the progress bar where there is one."""
    tqdm.write(one_line(text), file=sys.stderr)
