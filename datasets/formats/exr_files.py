"""OpenEXR files, by the package of that name, which is needed for these alone."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.formats.decoding import BUDGET, check_budget, decoding
from utils.errors import DataError
from utils.files import read_bytes

_TYPES = {"UINT": np.uint32, "HALF": np.float16, "FLOAT": np.float32}
_SCALARS = (("Z",), ("Y",))
_VECTORS = (("X", "Y", "Z"), ("R", "G", "B"))
_BYTES_OF_A_NUMBER = 8  # as it is stored, and the float32 that it becomes


class ExrFile:
    """The channels of an OpenEXR file that hold a map; their numbers are not read yet.

    Args:
        key: the name of the channel, or of the layer that the channels of vectors lie in.
        key_option: the key of a cfg that gives `key`, for errors.
        has_vectors: whether the map is of vectors, else of single numbers.

    Attributes:
        shape: (H, W), or (H, W, 3) of vectors.
        dtype: of the numbers.

    Raises:
        DataError: the package or the file is missing, the file is damaged, or it is not clear which
            of its channels are meant.
    """

    def __init__(self, path: Path, key: str | None, key_option: str, has_vectors: bool):
        stored = read_bytes(path, "an EXR", BUDGET)
        try:
            from OpenEXR import InputFile
        except ImportError:
            raise DataError(f"{path}: an EXR is read by a package: pip install OpenEXR") from None
        self.path = path
        with _silent(), decoding(path, "an EXR"):
            self._file = InputFile(io.BytesIO(stored))
            header = self._file.header()
            channels = {name: str(kind.type) for name, kind in header["channels"].items()}
            windows = [_corners(header[name]) for name in ("dataWindow", "displayWindow")]
        if windows[0] != windows[1]:
            raise DataError(
                f"{path}: holds a part of the image alone (its data window {windows[0]} is not the "
                f"display window {windows[1]}); save the whole"
            )
        left, top, right, bottom = windows[0]
        self._names = _chosen(channels, key, key_option, has_vectors, path)
        with decoding(path, "an EXR"):
            self.dtype = np.result_type(*(_TYPES[channels[name]] for name in self._names))
            self._types = [_TYPES[channels[name]] for name in self._names]
        self.size = bottom - top + 1, right - left + 1
        self.shape = (*self.size, 3) if has_vectors else self.size
        check_budget(self.shape, _BYTES_OF_A_NUMBER, path)

    def read(self) -> np.ndarray:
        """The numbers, of this shape and type.

        Raises:
            DataError: the file is damaged.
        """
        with _silent(), decoding(self.path, "an EXR"):
            maps = [
                np.frombuffer(self._file.channel(name), stored).reshape(self.size)
                for name, stored in zip(self._names, self._types, strict=True)
            ]
        return np.stack(maps, axis=2) if len(maps) > 1 else maps[0]


def _chosen(
    channels: dict[str, str], key: str | None, key_option: str, has_vectors: bool, path: Path
) -> tuple[str, ...]:
    """The names of the channels that hold the map."""
    candidates = _VECTORS if has_vectors else _SCALARS
    if key and has_vectors:
        candidates = [tuple(f"{key}.{name}" for name in names) for names in candidates]
    elif key:
        candidates = [(key,)]
    elif not has_vectors and len(channels) == 1:
        candidates = [tuple(channels)]
    for names in candidates:
        if all(name in channels for name in names):
            return names
    wanted = "the layer of the vectors" if has_vectors else "the channel"
    raise DataError(
        f"{path}: has the channels {', '.join(channels)}; `{key_option} = …` names {wanted}"
    )


def _corners(window) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, all of them inside."""
    return window.min.x, window.min.y, window.max.x, window.max.y


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The library tells of damage on the standard error too, past Python's."""
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
