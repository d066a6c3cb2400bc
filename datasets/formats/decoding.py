"""What is decoded, and what is not: a file's kind and size are known before it takes any memory."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from utils.errors import DataError

BUDGET = 2**30
"""The bytes of memory that decoding a file may take."""

_KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "GIF", "PPM")
"""The kinds of pictures. Pillow knows more, of which some run programs, such as EPS."""

_BYTES_A_PIXEL = {"WEBP": 16, "AVIF": 16, "JPEG2000": 16}
_BYTES_OF_OTHERS = 6
"""What OpenCV and Pillow were seen to take while they decode colours; of the others a bit less."""

MOST_PIXELS = BUDGET // _BYTES_OF_OTHERS
"""Of any picture."""

_LOSSY = {"JPEG": "JPEG", "MPO": "JPEG", "WEBP": "WebP", "AVIF": "AVIF", "JPEG2000": "JPEG 2000"}
"""The kinds that do not keep the numbers of every pixel, or need not, as users call them."""

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = 12  # the bytes of a chunk of a PNG without its content

_JPEG = ("JPEG", "MPO")
_SCAN = b"\xff\xda"  # how a scan of a JPEG begins
_MOST_SCANS = 100  # a progressive one has about ten, each of which goes over all of its pixels

# Pillow warns of large pictures, which have their limit here, and of damage, without a file's name.
warnings.filterwarnings("ignore", module="PIL")


@contextlib.contextmanager
def decoding(path: Path, kind: str) -> Iterator[None]:
    """Around the call of a library that decodes a file, and around nothing of this program's own.
    What a library raises is of any type: it depends on which bytes are damaged.

    Args:
        kind: what the file should be, such as 'an image'.

    Raises:
        DataError: in the place of any error; names the file.
    """
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except Exception as reason:
        words = str(reason).partition("\n")[0] or type(reason).__name__
        raise DataError(f"{path}: cannot be read as {kind} ({words})") from None


def open_picture(stored: bytes, path: Path) -> Image.Image:
    """A picture whose header alone was read.

    Raises:
        DataError: it is of no kind that is known, damaged, or would take too much memory.
    """
    picture = picture_head(io.BytesIO(stored), path)
    if stored.startswith(_PNG) and not is_whole_png(stored):
        raise DataError(f"{path}: cannot be read as an image (a part of it is missing)")
    if picture.format in _JPEG and stored.count(_SCAN) > _MOST_SCANS:
        raise DataError(f"{path}: cannot be read as an image (it has over {_MOST_SCANS} scans)")
    return picture


def picture_head(file: BinaryIO, path: Path) -> Image.Image:
    """A picture whose header alone was read, of a file that is open at its beginning and may be
    damaged further on.

    Raises:
        DataError: it is of no kind that is known, or would take too much memory.
    """
    with decoding(path, "an image"):
        try:
            picture = Image.open(file, formats=_KINDS)
        except OSError:  # half a header, or of no kind that is known
            raise DataError(f"{path}: cannot be read as an image") from None
    check_budget(picture.size, _BYTES_A_PIXEL.get(picture.format, _BYTES_OF_OTHERS), path)
    return picture


def png_kind(stored: bytes) -> tuple[int, int]:
    """The bits of a number of a PNG, and the number of its sort of colours, as its header has
    them."""
    return stored[24], stored[25]


def require_lossless(kind: str, path: Path) -> None:
    """Checks that a picture of this kind, as Pillow calls it, keeps the numbers of a label.

    Raises:
        DataError: it does not.
    """
    if kind in _LOSSY:
        raise DataError(
            f"{path}: {_LOSSY[kind]} does not keep the numbers of a label: save the label as PNG, "
            "from the original and not from this file"
        )


def check_budget(shape: tuple[int, ...], bytes_each: int, path: Path) -> None:
    """Checks what the numbers of a file, of such a shape, would take.

    Raises:
        DataError: more than the budget.
    """
    if (size := math.prod(shape) * bytes_each) > BUDGET:
        raise DataError(
            f"{path}: would take {size / 1e9:.1f} GB of memory with its size of "
            f"{' x '.join(map(str, shape))}, and a file may take {BUDGET / 1e9:.1f}; cut it into "
            "smaller ones"
        )


def is_whole_png(stored: bytes) -> bool:
    """Whether a PNG's chunks end within the file. OpenCV allocates as much memory as a chunk claims
    to need, which is gigabytes where its length is damaged."""
    place = len(_PNG)
    while place + _CHUNK <= len(stored):
        name = stored[place + 4 : place + 8]
        place += _CHUNK + int.from_bytes(stored[place : place + 4], "big")
        if name == b"IEND":
            return place <= len(stored)
    return False
