"""Maps of numbers that stand for values in another range, as Taskonomy's do."""

from __future__ import annotations

import math
import operator

import cv2
import numpy as np

from datasets.formats.arrays import as_float32, channels_last, fit
from datasets.formats.base import Label
from datasets.formats.map_format import MapFormat
from datasets.formats.stored_maps import SUFFIXES
from tasks.base import TASKS
from utils.errors import ConfigError, DataError
from utils.option import option
from utils.text import count_of

_LOG_LARGEST = math.log(2**16)
_BLURRED_SIZE = 256  # pixels, of the height and the width that `blur` counts in
_REACH = 4  # standard deviations, of a Gaussian


class ValueMap(MapFormat):
    """(H, W) float32, or (H, W, C) with more channels than one, NaN where there is no value; of
    arrays (H, W), (H, W, C) or (C, H, W) or of pictures.

    Raises:
        ConfigError: the values of an option cannot be.
    """

    label_type = "values"
    suffixes = SUFFIXES

    range: tuple[float, ...] = option(
        (),
        "the stored numbers that stand for -1 and 1, as in 0 255; a pair for each channel where "
        "they differ (empty: floats are the values; others want it)",
    )
    clip: bool = option(False, "numbers beyond the range count as its ends")
    log: bool = option(False, "a number n stands for log(1 + n) / log 65536")
    blur: float = option(
        0.0,
        "the standard deviation of a Gaussian that the values are blurred with, in 256ths of the "
        "map's height and width",
        at_least=0,
        at_most=64,
    )
    channels: int | None = option(
        None, "how many channels are taken, the first ones (empty: all)", at_least=1, at_most=4
    )
    invalid: tuple[float, ...] = option(
        (), "the stored numbers that mean 'no value', as those that are not finite do", largest=1e39
    )

    def __init__(self, classes=(), task_type=None, **options):
        super().__init__(classes, task_type, **options)
        lows, highs = self.range[::2], self.range[1::2]
        if len(lows) != len(highs) or any(map(operator.ge, lows, highs)):
            key = self.cfg_key("range")
            raise ConfigError(f"{key} wants a low and a high number, as in `{key} = 0 255`", key)
        if self.clip and not self.range:
            key = self.cfg_key("clip")
            raise ConfigError(f"{key} wants {self.cfg_key('range')} to clip to", key)
        if self.log and self.range:
            key = self.cfg_key("log")
            raise ConfigError(
                f"{key} says what the numbers stand for, as {self.cfg_key('range')} does: give one",
                key,
            )
        # A single pair is for all channels.
        self._low, self._high = (np.squeeze(np.float32(ends)) for ends in (lows, highs))

    def read(self, label, size):
        numbers = as_float32(self._channels(label))
        values = self._values(numbers)
        unknown = np.isin(numbers, np.float32(self.invalid)) | ~np.isfinite(values)
        if unknown.any():
            values = np.where(unknown, np.float32(np.nan), values)
        if self.blur:
            values = _blurred(values, self.blur)
        return fit(values, size, label.file)

    def decided(self, label):
        head = self.head(label)
        if self.log:
            meaning = f"log(1 + n) / log 65536 of a number n ({head})"
        elif self.range:
            ends = " ".join(f"{number:g}" for number in self.range)
            meaning = f"{ends} stand for -1 and 1{', clipped' if self.clip else ''} ({head})"
        else:
            meaning = f"as stored ({head})"
        decided = {"values": meaning}
        if self.blur:
            decided["blur"] = f"{self.blur:g} / 256 of the map"
        decided["no value"] = ", ".join([*(f"{n:g}" for n in self.invalid), "not finite"])
        return decided

    def _channels(self, label: Label) -> np.ndarray:
        """(H, W) or (H, W, C): the channels that are taken.

        Raises:
            DataError: there are fewer, or the map has no dimensions of one.
        """
        stored = self.stored_map(label)
        if not (self.range or self.log or stored.head.has_floats):
            key = self.cfg_key("range")
            raise DataError(
                f"{label.file}: is {stored.head.sort}, which does not tell the values that its "
                f"numbers stand for: `{key} = …` does, as in `0 255`"
            )
        numbers, wanted = stored.numbers, self.channels
        if numbers.ndim == 3 and not stored.head.is_picture and wanted:
            numbers = channels_last(numbers, wanted)
        if numbers.ndim not in (2, 3):
            raise DataError(
                f"{label.file}: holds an array {numbers.shape}, a map has two dimensions or three"
            )
        numbers = numbers.reshape(*numbers.shape[:2], -1)[..., :wanted]
        there = numbers.shape[2]
        if wanted is None and self.task_type:
            wanted = TASKS[self.task_type].channels
        if wanted not in (None, there) or self._low.size not in (0, 1, there):
            raise DataError(
                f"{label.file}: has {count_of(there, 'channel')}, and {wanted or self._low.size} "
                "are wanted"
            )
        return numbers[..., 0] if there == 1 else numbers

    def _values(self, numbers: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            if self.log:
                return np.log1p(numbers) / np.float32(_LOG_LARGEST)
            if not self.range:
                return numbers
            if self.clip:
                numbers = np.clip(numbers, self._low, self._high)
            return (numbers - self._low) * (2 / (self._high - self._low)) - np.float32(1)


def _blurred(values: np.ndarray, deviation: float) -> np.ndarray:
    """The values blurred, mirrored at the edges; NaN spreads."""
    height, width = values.shape[:2]
    down, across = (deviation * side / _BLURRED_SIZE for side in (height, width))
    size = tuple(2 * int(_REACH * sigma + 0.5) + 1 for sigma in (across, down))
    return cv2.GaussianBlur(
        np.ascontiguousarray(values), size, across, sigmaY=down, borderType=cv2.BORDER_REFLECT
    )
