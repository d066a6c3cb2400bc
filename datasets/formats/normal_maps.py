"""Maps of surface normals: vectors in an array or a TIFF, or in the colours of a picture."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.formats.arrays import ARRAYS, MapHead, StoredMap, as_float32, channels_last, fit
from datasets.formats.base import Label
from datasets.formats.map_format import MapFormat
from datasets.formats.normal_axes import AS_STORED, parse_axes
from datasets.formats.stored_maps import SUFFIXES
from utils.errors import ConfigError, DataError
from utils.option import option

_VECTORS = (-1.0, 1.0)
_OPENCV = (np.uint8, np.uint16)  # of the types that OpenCV compares, those of pictures
_SHORTEST = 0.5  # a stored normal is about a unit long, or zero where there is none

_ABOUT_UNIT = 0.05  # how far the length of a vector that was meant to be of unit length may be off
_BEYOND, _MANY = 1.5, 0.01  # no vectors where more than this share has a number beyond that
_AWAY = 0.3  # the mean of z, above which surfaces face away from the camera

_IS_UNIT: dict[tuple, bool] = {}
"""Whether the vectors of a file that was read before are of unit length: to look takes longer than
to read them."""


class NormalMap(MapFormat):
    """(H, W, 3) float32 unit vectors, zero where there is none, of arrays (H, W, 3) or (3, H, W) or
    of pictures. x points along the width of the image.

    Without `range`, the numbers of floats are vectors in -1..1, and those of a picture of 8 or 16
    bits go from 0 to the largest number. Where 0 stands for another number than 0, three zeros mean
    that there is no normal.

    Raises:
        ConfigError: the values of an option cannot be.
    """

    label_type = "normals"
    suffixes = SUFFIXES
    has_vectors = True

    range: tuple[float, ...] = option(
        (),
        "the stored numbers that stand for -1 and 1, as in 0 255 (empty: -1 1 for floats, all that "
        "8 or 16 bits hold for pictures; others want it)",
    )
    axes: tuple[str, ...] = option(
        (),
        "what the components point to, as in right up back (OpenGL) or right down forward (OpenCV) "
        "(empty: as stored)",
    )

    def __init__(self, classes=(), **options):
        super().__init__(classes, **options)
        if self.range and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            key = self.cfg_key("range")
            raise ConfigError(f"{key} wants a low and a high number, as in `{key} = 0 1`", key)
        self._turn = parse_axes(self.axes, self.cfg_key("axes")) if self.axes else None
        self._fingerprint = self.fingerprint

    def read(self, label, size):
        stored = self.stored_map(label)
        state = label.file.stat()
        file = (label.file, size, state.st_mtime_ns, state.st_size, self._fingerprint)
        is_unit = _IS_UNIT.get(file)
        if is_unit is None:
            self._require_vectors(stored, label)
        normals = fit(self._vectors(stored, label), size, label.file)
        if is_unit is None:
            is_unit = _are_unit(normals)
            self._require_facing(normals, label)
            _IS_UNIT[file] = is_unit
        return normals if is_unit else _normalised(np.nan_to_num(normals))

    def stored(self, label: Label) -> np.ndarray:
        """(H, W, 3) float32, the vectors as they are in the file, of whatever length, with the axes
        of the targets."""
        return self._vectors(self.stored_map(label), label)

    @property
    def can_turn(self):
        return bool(self.axes)

    def decided(self, label):
        head = self.head(label)
        low, high = self._range(head, label)
        vectors = (low, high) == _VECTORS
        return {
            "range": f"{low:g} to {high:g} ({head})",
            "no normal": "shorter than 0.5, not finite" if vectors else "0 0 0, shorter than 0.5",
            "axes": " ".join(self.axes) or AS_STORED,
        }

    def _vectors(self, stored: StoredMap, label: Label) -> np.ndarray:
        """(H, W, 3) float32 vectors of stored numbers.

        Raises:
            DataError: they have another shape.
        """
        head, numbers = stored.head, _with_three_channels(stored, label)
        low, high = self._range(head, label)
        if (low, high) == _VECTORS:
            vectors = as_float32(numbers)
        else:
            if head.dtype not in _OPENCV:
                numbers = as_float32(numbers)
            zero = cv2.inRange(numbers, (0, 0, 0), (0, 0, 0)) > 0
            vectors = _scaled(numbers, low, high)
            vectors[zero] = 0
        return vectors if self._turn is None else cv2.transform(vectors, self._turn)

    def _range(self, head: MapHead, label: Label) -> tuple[float, float]:
        """The stored numbers that stand for -1 and 1.

        Raises:
            DataError: neither the cfg nor the kind of the numbers tells.
        """
        if self.range:
            return self.range
        if head.has_floats:
            return _VECTORS
        if head.is_picture and head.dtype in (np.uint8, np.uint16):
            return 0.0, float(np.iinfo(head.dtype).max)
        raise DataError(
            f"{label.file}: is {head.sort}, which does not tell which numbers stand for -1 and 1: "
            f"`{self.cfg_key('range')} = …` does, as in `0 255`"
        )

    def _require_vectors(self, stored: StoredMap, label: Label) -> None:
        """Checks that floats without a range are vectors.

        Raises:
            DataError: they are something else by their size.
        """
        if self.range or not stored.head.has_floats:
            return
        numbers = as_float32(_with_three_channels(stored, label))
        if -_BEYOND <= numbers.min() < 0 and numbers.max() <= _BEYOND:  # so mostly; not with NaN
            return
        numbers = np.nan_to_num(numbers, posinf=0.0, neginf=0.0)
        key = self.cfg_key("range")
        largest = np.abs(numbers).max(axis=2)
        if (largest > _BEYOND).mean() > _MANY:
            raise DataError(
                f"{label.file}: has numbers from {numbers.min():g} to {numbers.max():g}, but the "
                f"components of normals lie within -1 and 1: `{key} = …` names the numbers that "
                "stand for -1 and 1, as in `0 255`"
            )
        if numbers.min() < 0 or numbers.max() > 1:
            return
        lengths = np.sqrt(np.square(numbers).sum(axis=2))[largest > 0]
        if lengths.size and (np.abs(lengths - 1) > _ABOUT_UNIT).mean() > 0.5:
            raise DataError(
                f"{label.file}: its numbers lie within 0 and 1, and most of its vectors are not of "
                f"unit length: `{key} = 0 1` reads them as (n + 1) / 2, `{key} = -1 1` as they are"
            )

    def _require_facing(self, normals: np.ndarray, label: Label) -> None:
        """Checks that most of the normals, with axes that the cfg names, face the camera.

        Raises:
            DataError: they face away from it.
        """
        if self._turn is None:
            return
        normals = _normalised(np.nan_to_num(normals))
        away = normals[..., 2][normals.any(axis=2)]
        if away.size and away.mean() > _AWAY:
            raise DataError(
                f"{label.file}: most of its normals face away from the camera with "
                f"`{self.cfg_key('axes')} = {' '.join(self.axes)}`, which visible surfaces cannot: "
                "is one of the axes the other way round?"
            )


def _with_three_channels(stored: StoredMap, label: Label) -> np.ndarray:
    """(H, W, 3).

    Raises:
        DataError: the map has another shape.
    """
    numbers = stored.numbers
    if stored.kind in ARRAYS:
        numbers = channels_last(numbers, 3)
    if numbers.ndim != 3 or numbers.shape[2] != 3:
        raise DataError(f"{label.file}: holds an array {numbers.shape}, normals are (H, W, 3)")
    return numbers


def _scaled(numbers: np.ndarray, low: float, high: float) -> np.ndarray:
    """float32, -1 for `low` and 1 for `high`."""
    factor = 2 / (high - low)
    shift = 1 + low * factor
    if numbers.dtype == np.uint8:
        return cv2.LUT(numbers, (np.arange(256) * factor - shift).astype(np.float32))
    return as_float32(numbers) * np.float32(factor) - np.float32(shift)


def _are_unit(normals: np.ndarray) -> bool:
    """Whether every vector is zero, or a unit long to 1e-4. Then l, its length squared, is 0 or 1,
    l² - l is 0, and there are as many that are not 0 as the sum of all l."""
    ones = np.ones((1, 3))
    for strip in np.array_split(normals, 1 + normals.size // 2**18):  # each fits a core's cache
        lengths = cv2.transform(cv2.multiply(strip, strip), ones)
        with np.errstate(invalid="ignore", over="ignore"):
            unlike = cv2.norm(lengths * lengths - lengths, cv2.NORM_L2SQR)
        short = cv2.countNonZero(lengths) - cv2.sumElems(lengths)[0]
        if not (unlike < 1e-8 and short < 0.5):  # so with NaN
            return False
    return True


def _normalised(normals: np.ndarray) -> np.ndarray:
    """The vectors divided by their lengths; zero where they are too short."""
    length = np.sqrt(cv2.transform(cv2.multiply(normals, normals), np.ones((1, 3))))
    factor = np.where(length > _SHORTEST, 1 / np.maximum(length, _SHORTEST), np.float32(0))
    return cv2.multiply(normals, cv2.merge([factor] * 3))
