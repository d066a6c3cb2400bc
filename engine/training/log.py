"""The log of a run."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tqdm import tqdm

from utils.ranks import ALONE, Ranks


class Log:
    """Prints lines, above the progress bar if there is one, and adds them to a file.

    Args:
        path: the file.
        ranks: the processes of the run, of which the first one writes.
    """

    def __init__(self, path: Path, ranks: Ranks = ALONE):
        self.path, self.ranks = path, ranks

    def __call__(self, line: str) -> None:
        if not self.ranks.first:
            return
        tqdm.write(line)
        sys.stdout.flush()
        with open(self.path, "a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
