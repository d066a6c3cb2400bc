"""Labels that are maps of numbers, in whichever file they are stored."""

from __future__ import annotations

from pathlib import Path

from datasets.formats.arrays import MapHead, StoredMap
from datasets.formats.exr_files import read_exr
from datasets.formats.npy_files import npy_head, npz_head, read_npy, read_npz
from datasets.formats.pictures import picture_map_head, read_picture

SUFFIXES = (".png", ".tif", ".tiff", ".npy", ".npz", ".exr")
"""The endings of the files of maps."""


def read_map(
    path: Path, key: str | None = None, key_option: str = "", has_vectors: bool = False
) -> StoredMap:
    """The numbers of a map: of an .npy, .npz or .exr by the suffix of the file, else of a picture.

    Args:
        key: the name of the array in an .npz, or of the channel in an .exr.
        key_option: the key of a cfg that gives `key`, for errors.
        has_vectors: whether three channels of an .exr are wanted, else one.

    Raises:
        DataError: the file is missing or damaged, holds no numbers or does not keep them, or it is
            not clear which of its arrays or channels is meant.
    """
    match path.suffix.lower():
        case ".npy":
            return StoredMap(read_npy(path), ".npy")
        case ".npz":
            return StoredMap(read_npz(path, key, key_option), ".npz")
        case ".exr":
            return StoredMap(read_exr(path, key, key_option, has_vectors), "EXR")
    return read_picture(path)


def map_head(
    path: Path, key: str | None = None, key_option: str = "", has_vectors: bool = False
) -> MapHead:
    """The head of a map without its numbers; the arguments are those of :func:`read_map`.

    Raises:
        DataError: as :func:`read_map`, where the head tells.
    """
    match path.suffix.lower():
        case ".npy":
            array = npy_head(path)
            return MapHead(".npy", array.shape, array.dtype)
        case ".npz":
            array = npz_head(path, key, key_option)
            return MapHead(".npz", array.shape, array.dtype)
        case ".exr":
            # The package tells the type of the numbers with the numbers alone.
            return read_map(path, key, key_option, has_vectors).head
    return picture_map_head(path)


def map_size(head: MapHead) -> tuple[int, int]:
    """(height, width) of a map, whose channels may come first where it is an array."""
    shape = head.shape
    if not head.is_picture and len(shape) == 3 and shape[0] < 4 <= shape[2]:
        return shape[-2:]
    return shape[:2]
