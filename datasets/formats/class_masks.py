"""Masks of class numbers, each in a file of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from datasets.formats.arrays import MapHead, fit
from datasets.formats.map_format import MapFormat
from datasets.formats.one_hot import decode_one_hot, is_one_hot, one_hot_size
from datasets.formats.stored_maps import SUFFIXES
from tasks.segmentation import VOID
from utils.errors import ConfigError, DataError
from utils.option import option

_MOST_NAMED = 8
_LARGEST_NUMBER = 2**16 - 1


class ClassMask(MapFormat):
    """(H, W) uint8 class indices and 255 for void. They are stored as a picture or an array of
    numbers, or an array of truth values: (H, W) for two classes, or one-hot, (C, H, W) or
    (H, W, C).

    Args:
        classes: the names of the classes.
        others_void: whether all numbers are void that are none of the classes'.
    """

    label_type = "classes"
    suffixes = SUFFIXES
    has_truth_values = True

    first: int | None = option(None, "the number of the first class (empty: 0)", largest=2**15)
    void: int | None = option(
        None, "the number of pixels that do not count (empty: 255)", largest=_LARGEST_NUMBER
    )
    numbers: tuple[int, ...] = option(
        (),
        "the number of each class, in their order, where they do not follow one another",
        largest=_LARGEST_NUMBER,
    )

    def __init__(self, classes=(), others_void: bool = False, **options):
        super().__init__(classes, **options)
        self.others_void = others_void
        if self.numbers:
            self._check_numbers()

    @property
    def fingerprint(self):
        numbers = f"first={self.first or 0}, void={self._stored_void}"
        numbers += f", key={self.key!r}" if self.key else ""
        return f"{type(self).__name__}({numbers}) {' '.join(self.classes)} {self.numbers}"

    def read(self, label, size):
        path, stored = label.file, self.stored_map(label)
        if self._is_one_hot(stored.head):
            return fit(self._decode_one_hot(stored.numbers, path), size, path)
        mask = self._class_numbers(stored.numbers, path)
        self._require_decided(mask, stored.numbers.dtype == bool, path)
        classes, unknown = _tables(self._stored_numbers, self._stored_void, self.others_void)
        beyond = _looked_up(mask, unknown)
        if beyond.any():
            raise self._unknown_number(np.unique(mask[beyond > 0]), path)
        return fit(_looked_up(mask, classes), size, path)

    def stored_size(self, label):
        head = self.head(label)
        if self._is_one_hot(head):
            return one_hot_size(head.shape, len(self.classes), label.file)
        return head.shape[:2]

    def decided(self, label):
        if self._is_one_hot(self.head(label)):
            return {"classes": "a channel each (one-hot)", "void": "pixels of no class"}
        void = str(self._stored_void) if self._stored_void is not None else "none"
        if self.others_void:
            void = "all other numbers"
        elif void != "none" and self.void is None:
            void = f"{void}, by default"
        pairs = zip(self._stored_numbers, self.classes, strict=True)
        return {"classes": some(f"{number} {name}" for number, name in pairs), "void": void}

    @property
    def _stored_numbers(self) -> tuple[int, ...]:
        first = self.first or 0
        return self.numbers or tuple(range(first, first + len(self.classes)))

    @property
    def _stored_void(self) -> int | None:
        """The number of void; None where there is none."""
        if self.void is not None:
            return self.void
        return None if VOID in self._stored_numbers else VOID

    def _check_numbers(self) -> None:
        mistake, key, numbers = None, "numbers", self.numbers
        if len(numbers) != len(self.classes):
            mistake = f"has {len(numbers)} numbers, and there are {len(self.classes)} classes"
        elif len(set(numbers)) < len(numbers):
            mistake = "has a number twice"
        elif self.first is not None:
            mistake, key = "says the number of every class, the first one's too", "first"
        elif self.void in numbers:
            mistake, key = f"gives {self.void} to a class, which then is not void", "void"
        if mistake:
            raise ConfigError(f"{self.cfg_key('numbers')} {mistake}", key)

    def _is_one_hot(self, head: MapHead) -> bool:
        return not head.is_picture and is_one_hot(head.shape, len(self.classes))

    def _decode_one_hot(self, stored: np.ndarray, path: Path) -> np.ndarray:
        if self.numbers or self.first is not None or self.void is not None:
            first, void, numbers = map(self.cfg_key, ("first", "void", "numbers"))
            raise DataError(
                f"{path}: has a channel for each class and no numbers of classes: leave out "
                f"`{first}`, `{void}` and `{numbers}`"
            )
        return decode_one_hot(stored, len(self.classes), path)

    def _require_decided(self, mask: np.ndarray, of_truth_values: bool, path: Path) -> None:
        """Checks that a mask of two values can be read in one way alone: the 255 of such a mask is
        as often an object as it is void.

        Raises:
            DataError: it cannot, and the cfg does not say how.
        """
        count, classes = len(self.classes), self.cfg_key("classes")
        if self.void is not None or self.numbers or self.others_void:
            return
        if of_truth_values and count != 2:
            raise DataError(
                f"{path}: holds truth values (1 bit), which are two classes, but {count} are "
                f"named: name the two in `{classes}`, mostly background and another"
            )
        if count > 2 or not (mask == VOID).any() or ((mask > 0) & (mask < VOID)).any():
            return
        background = "" if count == 2 else f", and the background first in `{classes}`"
        raise DataError(
            f"{path}: its numbers are 0 and 255, and it cannot be told what 255 is: write "
            f"`{self.cfg_key('numbers')} = 0 255` where it is a class{background}, or "
            f"`{self.cfg_key('void')} = 255` where it is void"
        )

    def _unknown_number(self, unknown: np.ndarray, path: Path) -> DataError:
        count, first, void = len(self.classes), self.first or 0, self._stored_void
        if self.numbers:
            known = f"the numbers of the classes are {some(map(str, self.numbers))}"
            hint = ""
        else:
            known = f"the {count} classes are {first} to {first + count - 1}"
            hint = f"; `{self.cfg_key('numbers')}` names other numbers"
        if first == 0 and unknown.tolist() == [count]:
            hint = f"; where 0 is the background, name it first in `{self.cfg_key('classes')}`"
        void = "there is no void" if void is None else f"void is {void}"
        return DataError(f"{path}: has the value {unknown[0]}, but {known}, and {void}{hint}")

    def _class_numbers(self, mask: np.ndarray, path: Path) -> np.ndarray:
        """The numbers of a mask as they are stored: (H, W) uint8, or others of at most 16 bits.

        Raises:
            DataError: it holds something else; says what to do.
        """
        if mask.ndim != 2:
            raise DataError(f"{path}: {self._instead_of_numbers(mask)}")
        if mask.dtype == bool:
            return mask.astype(np.uint8)
        if mask.dtype == np.uint8:
            return mask
        with np.errstate(invalid="ignore", over="ignore"):  # whatever the file holds
            whole = np.rint(mask)
            small = (whole == mask).all() and whole.min() >= -(2**15) and whole.max() < 2**16
        if not small:
            raise DataError(
                f"{path}: holds other numbers than class numbers, which are whole and small"
            )
        return whole.astype(np.int32)

    def _instead_of_numbers(self, mask: np.ndarray) -> str:
        channels = mask.shape[2] if mask.ndim == 3 else 0
        if channels not in (2, 3, 4):
            return (
                f"holds an array {mask.shape}, a mask has two dimensions, or a channel for each of "
                "its classes"
            )
        alpha = " and an alpha channel" if channels in (2, 4) else ""
        colours = mask[..., : 1 if channels == 2 else 3]
        if (colours == colours[..., :1]).all():
            return (
                f"has {channels} channels{alpha and ', one of them alpha'}, where class numbers "
                "are one; the first of them is the mask: save it alone"
            )
        return (
            f"holds colours{alpha} where class numbers are wanted: name the colour of each class "
            f"in `{self.cfg_key('colours')}`; a palette PNG, as VOC's masks are, turns into "
            "colours when it is opened and saved as RGB: take the original file"
        )


def some(words: Iterable[str]) -> str:
    """The words, of which only the first are named where there are many."""
    words = list(words)
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return ", ".join(words[:_MOST_NAMED]) + more


@functools.cache
def _tables(
    stored: tuple[int, ...], void: int | None, others_void: bool
) -> tuple[np.ndarray, np.ndarray]:
    """By the number in a mask, modulo 2^16: the class, and whether (1) it means nothing.

    Args:
        stored: the number of each class.
    """
    classes, unknown = np.full(2**16, VOID, np.uint8), np.zeros(2**16, np.uint8)
    classes[np.array(stored) % 2**16] = np.arange(len(stored))
    if not others_void:
        unknown[:] = 1
        unknown[np.array(stored) % 2**16] = 0
    if void is not None and not others_void:
        unknown[void % 2**16] = 0
        classes[void % 2**16] = VOID
    return classes, unknown


def _looked_up(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    if mask.dtype == np.uint8:
        return cv2.LUT(mask, table[:256])
    return table[mask.astype(np.uint16)]
