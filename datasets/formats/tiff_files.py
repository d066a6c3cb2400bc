"""TIFFs of more than 8 bits a number. Pillow reads some of them, and rounds others to 8 bits."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from datasets.formats.arrays import in_rgb
from datasets.formats.decoding import check_budget, decoding
from utils.errors import DataError

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG = b"+"  # in the start of a BigTIFF, whose header is twice as long
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _CHANNELS, _PLANES, _SORT = 256, 257, 258, 259, 277, 284, 339
_TYPES = {1: "uint", 2: "int", 3: "float"}  # by the number in _SORT

_LOSSY = (6, 7, 34892, 34933, 34934, 50001)  # JPEG, JPEG 2000 and WebP
_APART = 2  # in _PLANES: a channel after the other, which OpenCV misreads

_BYTES_OF_A_NUMBER = 4  # of the float32 that most maps become


@dataclass(frozen=True, slots=True)
class TiffHead:
    """What a TIFF says of its first page.

    Attributes:
        size: (height, width).
        type: of the numbers, such as 'float32'.
        bits: of a number.
        is_lossy: whether its compression changes the numbers.
        is_planar: whether the channels lie one after the other.
    """

    size: tuple[int, int]
    channels: int
    type: str
    bits: int
    is_lossy: bool
    is_planar: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.size, self.channels) if self.channels > 1 else self.size


def is_tiff(start: bytes) -> bool:
    """Whether a file with these first bytes is a TIFF."""
    return start[:4] in _STARTS


def tiff_head(file: BinaryIO, path: Path) -> TiffHead:
    """The head of a TIFF that is open at its beginning.

    Raises:
        DataError: it is damaged.
    """
    with decoding(path, "a TIFF"):
        start = file.read(8)
        start += file.read(8) if _BIG in start[:4] else b""
        tags = ImageFileDirectory_v2(start)
        file.seek(tags.next)
        tags.load(file)
        channels = int(tags.get(_CHANNELS, 1))
        bits = int(tags.get(_BITS, (1,))[0])
        planes = int(tags.get(_PLANES, 1))
        head = TiffHead(
            size=(int(tags[_HEIGHT]), int(tags[_WIDTH])),
            channels=channels,
            type=f"{_TYPES.get(tags.get(_SORT, (1,))[0], 'unknown')}{bits}",
            bits=bits,
            is_lossy=tags.get(_COMPRESSION, 1) in _LOSSY,
            is_planar=planes == _APART and channels > 1,
        )
    if min(head.size) < 1 or channels < 1:
        raise DataError(f"{path}: cannot be read as a TIFF (it has no pixel)")
    return head


def read_tiff(stored: bytes, path: Path) -> np.ndarray:
    """The numbers of a TIFF of 16, 32 or 64 bits as they are stored: (H, W) or (H, W, channels).

    Raises:
        DataError: it is damaged, of a kind that is not read, or would take too much memory.
    """
    head = tiff_head(io.BytesIO(stored), path)
    check_budget(head.shape, head.bits // 8 + _BYTES_OF_A_NUMBER, path)
    with decoding(path, "a TIFF"):
        numbers = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED)
    stored = (head.shape, head.type)
    is_as_stored = numbers is not None and (numbers.shape, numbers.dtype.name) == stored
    if not is_as_stored or head.is_planar:
        raise DataError(
            f"{path}: cannot be read as a TIFF (damaged, or {head.channels} channels of "
            f"{head.type} in a layout that is not read); save it as .npy"
        )
    return in_rgb(numbers)
