"""OpenEXR files, by the package of that name, which is needed for these alone."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from datasets.formats.decoding import check_budget, decoding
from utils.errors import DataError

_SCALARS = (("Z",), ("Y",))
_VECTORS = (("X", "Y", "Z"), ("R", "G", "B"))
_BYTES_OF_A_NUMBER = 8  # as it is stored, and the float32 that it becomes


def read_exr(path: Path, key: str | None, key_option: str, has_vectors: bool) -> np.ndarray:
    """The numbers of a map in an OpenEXR file: (H, W), or (H, W, 3) of vectors.

    Args:
        key: the name of the channel, or of the layer that the channels of vectors lie in; None for
            the usual names.
        key_option: the key of a cfg that gives `key`, for errors.
        has_vectors: whether the map is of vectors, else of single numbers.

    Raises:
        DataError: the package or the file is missing, the file is damaged, or it is not clear which
            of its channels are meant.
    """
    if not path.is_file():
        raise DataError(f"{path}: the file is missing")
    try:
        from OpenEXR import File
    except ImportError:
        raise DataError(
            f"{path}: EXR is read by a package of its own: pip install OpenEXR"
        ) from None
    with _silent(), decoding(path, "an EXR"), File(str(path), True, header_only=True) as file:
        header = file.header()
        names = [channel.name for channel in header["channels"]]
        window, whole = (_corners(header[key]) for key in ("dataWindow", "displayWindow"))
    if window != whole:
        raise DataError(
            f"{path}: holds a part of the image alone (its data window is {window}, its display "
            f"window {whole}); save the whole"
        )
    chosen = _chosen(names, key, has_vectors)
    if not chosen:
        wanted = "the layer of the vectors" if has_vectors else "the channel"
        raise DataError(
            f"{path}: has the channels {', '.join(names)}; `{key_option} = …` names {wanted}"
        )
    left, top, right, bottom = window
    size = bottom - top + 1, right - left + 1
    check_budget((*size, len(names)), _BYTES_OF_A_NUMBER, path)
    with _silent(), decoding(path, "an EXR"), File(str(path), True) as file:
        channels = file.channels()
        maps = [channels[name].pixels for name in chosen]
        numbers = np.stack(maps, axis=2) if has_vectors else maps[0]
    if numbers.shape[:2] != size:
        raise DataError(f"{path}: its channels have fewer pixels than the image")
    return numbers


def _chosen(names: Iterable[str], key: str | None, has_vectors: bool) -> tuple[str, ...] | None:
    """The names of the channels that hold the map; None where none is meant."""
    candidates = _VECTORS if has_vectors else _SCALARS
    if key and has_vectors:
        candidates = [tuple(f"{key}.{name}" for name in layer) for layer in candidates]
    elif key:
        candidates = [(key,)]
    elif not has_vectors and len(names) == 1:
        candidates = [tuple(names)]
    return next((layer for layer in candidates if set(layer) <= set(names)), None)


def _corners(window: tuple[np.ndarray, np.ndarray]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, all of them inside."""
    return tuple(int(place) for corner in window for place in corner)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The package tells of damage by Python's standard output, and by the terminal's error too."""
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
