"""Lists in JSON that grow on the disk, so that a video of any length takes no more memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.files import replacing

# A name of a file that is no UTF-8 is escaped, as JSON has it.
_TEXT = {"encoding": "utf-8", "errors": "backslashreplace"}


class SpooledList:
    """A list of JSON values in a file without a name, which is gone when the process is.

    Args:
        folder: where there is room for it.
    """

    def __init__(self, folder: Path):
        # Open as long as the list is there.
        self._file = tempfile.TemporaryFile("w+", dir=folder, **_TEXT)  # noqa: SIM115
        self.count = 0

    def add(self, value: Any) -> None:
        self._file.write((",\n" if self.count else "") + json.dumps(value, ensure_ascii=False))
        self.count += 1

    def copy_to(self, file: Any) -> None:
        """Writes the list as JSON."""
        self._file.flush()
        self._file.seek(0)
        file.write("[\n" if self.count else "[")
        shutil.copyfileobj(self._file, file)
        file.write("\n]" if self.count else "]")
        self._file.seek(0, 2)

    def close(self) -> None:
        self._file.close()


def write_list(path: Path, values: SpooledList) -> None:
    """Writes a list as a JSON of its own, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "w", **_TEXT) as file:
        values.copy_to(file)
        file.write("\n")


def write_lists(path: Path, head: Mapping[str, Any], lists: Mapping[str, SpooledList]) -> None:
    """Writes an object of values and of lists as JSON, whole or not at all."""
    keys: Sequence[str] = [*head, *lists]
    with replacing(path) as temporary, open(temporary, "w", **_TEXT) as file:
        for number, key in enumerate(keys):
            file.write(f"{',' if number else '{'}\n{json.dumps(key)}: ")
            if key in lists:
                lists[key].copy_to(file)
            else:
                file.write(json.dumps(head[key], ensure_ascii=False))
        file.write("\n}\n")
