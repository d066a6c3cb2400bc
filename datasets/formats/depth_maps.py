"""Depth maps: distances, or disparities, in a picture or an array."""

from __future__ import annotations

import numpy as np

from datasets.formats.arrays import MapHead, all_finite, as_float32, fit, plane
from datasets.formats.base import Label
from datasets.formats.disparity import depth_of
from datasets.formats.map_format import MapFormat
from datasets.formats.stored_maps import SUFFIXES
from utils.errors import ConfigError, DataError
from utils.option import option

_DEPTH, _DISPARITY = 1e-3, 1 / 256
"""The units of pictures of 16 bits: millimetres; and a 256th of a pixel, as KITTI has it."""


class DepthMap(MapFormat):
    """(H, W) float32 metres, 0 where there is no reading.

    With `baseline` and `focal_length` the numbers are disparities in pixels, times the unit; the
    depth is baseline x focal length / disparity.

    Without `unit`, one is 1 for floats. It is 0.001 for pictures of 16 bits; for disparities 1/256,
    in a PNG alone. Other numbers are refused.

    Raises:
        ConfigError: one of the two options of disparities is missing.
    """

    label_type = "depth"
    suffixes = SUFFIXES

    unit: float | None = option(
        None,
        "metres a number, or pixels of disparity (empty: 0.001 in a picture of 16 bits, 1/256 of "
        "disparity; 1 for floats; others want it)",
        above=0,
    )
    invalid: tuple[float, ...] = option(
        (0.0,),
        "the stored numbers that mean 'no reading', as those below 0 and not finite ones do",
        largest=1e39,
    )
    baseline: float | None = option(
        None, "of a stereo camera, in metres: the maps hold disparities", above=0
    )
    focal_length: float | None = option(
        None, "of a stereo camera, in pixels of the stored maps of disparities", above=0
    )

    def __init__(self, classes=(), **options):
        super().__init__(classes, **options)
        for name, other in (("baseline", "focal_length"), ("focal_length", "baseline")):
            if self.settings[name] and not self.settings[other]:
                raise ConfigError(
                    f"{self.cfg_key(name)} is about maps of disparities, which want "
                    f"`{self.cfg_key(other)} = …` too",
                    self.cfg_key(name),
                )

    def read(self, label, size):
        path, stored = label.file, self.stored_map(label)
        unit = self.unit or self._unit(stored.head, label)
        numbers = plane(stored.numbers, path, "a depth map")
        depth = self._metres(as_float32(numbers), unit)
        for number in self.invalid:
            if number:  # 0 is no reading in a target, whatever the unit
                depth = np.where(_equal(numbers, number), np.float32(0), depth)
        if not all_finite(depth):
            depth = np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0)
        return fit(depth, size, path)

    def decided(self, label):
        head = self.head(label)
        metres = "pixels of disparity" if self.has_disparities else "m"
        numbers = " ".join(f"{number:g}" for number in dict.fromkeys((0.0, *self.invalid)))
        decided = {
            "unit": f"{self._unit(head, label):g} {metres} a number ({head})",
            "no reading": f"{numbers}, below 0, not finite",
        }
        if self.has_disparities:
            scale = f"{self.baseline:g} m x {self.focal_length:g} pixels"
            decided["depth"] = f"{scale} / disparity"
        return decided

    def ceiling(self, label):
        head = self.head(label)
        if head.dtype.kind != "u":
            return None
        largest = np.full((1, 1), np.iinfo(head.dtype).max, np.float32)
        return float(self._metres(largest, self._unit(head, label))[0, 0])

    @property
    def has_disparities(self) -> bool:
        return self.baseline is not None

    def _unit(self, head: MapHead, label: Label) -> float:
        """Metres, or pixels of disparity, a number.

        Raises:
            DataError: neither the cfg nor the kind of the numbers tells.
        """
        if self.unit:
            return self.unit
        if head.has_floats:
            return 1.0
        if head.is_picture and head.dtype.itemsize == 2:
            if not self.has_disparities:
                return _DEPTH
            if head.kind == "PNG":
                return _DISPARITY
        what = "pixels of disparity" if self.has_disparities else "metres"
        raise DataError(
            f"{label.file}: is {head.sort}, which does not tell how many {what} a number is: "
            f"`{self.cfg_key('unit')} = …` does"
        )

    def _metres(self, numbers: np.ndarray, unit: float) -> np.ndarray:
        """Depths of float32 numbers."""
        if unit == 1 and not self.has_disparities:
            return numbers
        with np.errstate(over="ignore", invalid="ignore"):
            if unit != 1:
                numbers = numbers * np.float32(unit)
            if self.has_disparities:
                return depth_of(numbers, self.baseline * self.focal_length)
        return numbers


def _equal(numbers: np.ndarray, number: float) -> np.ndarray:
    with np.errstate(over="ignore"):  # of a number that the type cannot hold
        return numbers == number
