"""Maps of numbers as they are stored, for tasks that need no more."""

from __future__ import annotations

from datasets.formats.arrays import as_float32, fit
from datasets.formats.map_format import MapFormat
from datasets.formats.stored_maps import SUFFIXES
from utils.errors import DataError


class NumberMap(MapFormat):
    """(H, W) or (H, W, C) float32, the numbers of a picture or an array as they are stored; (H, W)
    also of an array (H, W, 1)."""

    label_type = "map"
    suffixes = SUFFIXES

    def read(self, label, size):
        path, stored = label.file, self.stored_map(label).numbers
        if stored.ndim not in (2, 3):
            raise DataError(
                f"{path}: holds an array {stored.shape}, a map has two dimensions or three"
            )
        if stored.shape[2:] == (1,):
            stored = stored[..., 0]
        return fit(as_float32(stored), size, path)

    def decided(self, label):
        return {"unit": f"the numbers as they are stored ({self.head(label)})"}
