"""Maps of yes and no, such as edges, in a picture or an array."""

from __future__ import annotations

import numpy as np

from datasets.formats.arrays import MapHead, as_float32, fit, plane
from datasets.formats.base import Label
from datasets.formats.map_format import MapFormat
from datasets.formats.stored_maps import SUFFIXES
from tasks.binary import VOID
from utils.errors import ConfigError, DataError
from utils.option import option

_LARGEST_NUMBER = 2**16 - 1


class BinaryMap(MapFormat):
    """(H, W) uint8: 1 where the answer is yes, 0 where it is no, 255 where there is none.

    A number is a yes from a share of the certain yes on. Without `certain`, that is 1 for truth
    values and floats, and the largest that they hold for pictures of 8 or 16 bits, or 1 where the
    largest is void. Other numbers are refused, and so are files whose numbers mean something else.

    Raises:
        ConfigError: void is the number of a certain yes.
    """

    label_type = "binary"
    suffixes = SUFFIXES
    has_truth_values = True

    certain: float | None = option(
        None,
        "the number that stands for a certain yes (empty: 1 for truth values and floats, all that "
        "8 or 16 bits hold for pictures; others want it)",
        above=0,
    )
    threshold: float = option(
        0.5, "the share of a certain yes from which on a number is a yes", above=0, at_most=1
    )
    void: int | None = option(
        None, "the number of pixels that do not count (empty: none)", largest=_LARGEST_NUMBER
    )

    def __init__(self, classes=(), **options):
        super().__init__(classes, **options)
        if self.void is not None and self.void == self.certain:
            raise ConfigError(
                f"{self.cfg_key('void')} = {self.void} is the number of a certain yes, which then "
                "does not count",
                "void",
            )

    def read(self, label, size):
        stored = self.stored_map(label)
        numbers = plane(stored.numbers, label.file, "a map of yes and no")
        certain = self._certain(stored.head, label)
        void = self._void_pixels(numbers)
        if self.certain is None:
            self._require_decided(numbers[~void], certain, stored.head, label)
        with np.errstate(invalid="ignore"):  # NaN is void
            target = (as_float32(numbers) >= self.threshold * certain).astype(np.uint8)
        target[void] = VOID
        return fit(target, size, label.file)

    def decided(self, label):
        head = self.head(label)
        void = [str(self.void)] if self.void is not None else []
        void += ["not finite"] if head.has_floats else []
        yes = f"from {self.threshold * self._certain(head, label):g} on ({head})"
        return {"yes": yes, "void": ", ".join(void) or "none"}

    def _certain(self, head: MapHead, label: Label) -> float:
        """The number that stands for a certain yes.

        Raises:
            DataError: neither the cfg nor the kind of the numbers tells.
        """
        if self.certain is not None:
            return self.certain
        if head.dtype == bool or head.has_floats:
            return 1.0
        if head.is_picture and head.dtype in (np.uint8, np.uint16):
            largest = np.iinfo(head.dtype).max
            return 1.0 if largest == self.void else float(largest)
        raise DataError(
            f"{label.file}: is {head.sort}, which does not tell which number stands for a certain "
            f"yes: `{self.cfg_key('certain')} = …` does"
        )

    def _void_pixels(self, numbers: np.ndarray) -> np.ndarray:
        """(H, W) bool."""
        void = ~np.isfinite(numbers)
        return void if self.void is None else void | (numbers == self.void)

    def _require_decided(
        self, counting: np.ndarray, certain: float, head: MapHead, label: Label
    ) -> None:
        """Checks that the numbers fit that of a certain yes, which the cfg does not give.

        Args:
            counting: the numbers that are not void.

        Raises:
            DataError: they do not, or may mean something else.
        """
        key, void = self.cfg_key("certain"), self.cfg_key("void")
        if certain == 1:
            if counting.size and counting.max() > 1:
                raise DataError(
                    f"{label.file}: holds numbers up to {counting.max():g}: `{key} = …` says which "
                    "one stands for a certain yes"
                )
            return
        if not (counting == 1).any() or ((counting > 1) & (counting < certain)).any():
            return
        if not (counting > 1).any():
            raise DataError(
                f"{label.file}: its numbers are 0 and 1 in {head.sort}: write `{key} = 1` where 1 "
                f"is a yes, or `{key} = {certain:.0f}` where it is a small share of one"
            )
        raise DataError(
            f"{label.file}: its numbers are 0, 1 and {certain:.0f}, and it cannot be told what "
            f"{certain:.0f} is: write `{void} = {certain:.0f}` where it is void, or `{key} = 1` "
            "where it is a yes as well"
        )
