"""The log of a run."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tqdm import tqdm


class Log:
    """Prints lines, above the progress bar if there is one, and adds them to a file."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, line: str) -> None:
        tqdm.write(line)
        sys.stdout.flush()
        with open(self.path, "a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
