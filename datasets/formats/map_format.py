"""What the formats of maps of numbers have in common."""

from __future__ import annotations

import functools
from typing import ClassVar

from datasets.formats.arrays import MapHead, StoredMap
from datasets.formats.base import Format, Label
from datasets.formats.stored_maps import map_head, map_size, read_map
from utils.errors import DataError
from utils.option import option


class MapFormat(Format):
    """Labels that are a map of numbers each, in a picture or an array."""

    has_vectors: ClassVar[bool] = False
    """Whether the map is of vectors, else of single numbers."""
    has_truth_values: ClassVar[bool] = False
    """Whether an array of truth values is a map, else of numbers alone."""

    key: str | None = option(
        None,
        "the name of the array in an .npz of several, or of the channel in an .exr; of vectors in "
        "an .exr, that of their layer",
    )

    def stored_size(self, label: Label) -> tuple[int, int]:
        return map_size(self.head(label))

    def stored_map(self, label: Label) -> StoredMap:
        """The numbers of a label as they are stored.

        Raises:
            DataError: as :func:`datasets.formats.stored_maps.read_map`.
        """
        stored = read_map(label.file, self.key, self._key_option, self.has_vectors)
        self._require_numbers(stored.head, label)
        return stored

    def head(self, label: Label) -> MapHead:
        """What the file of a label says of its numbers.

        Raises:
            DataError: as :func:`datasets.formats.stored_maps.map_head`.
        """
        head = map_head(label.file, self.key, self._key_option, self.has_vectors)
        self._require_numbers(head, label)
        return head

    def _require_numbers(self, head: MapHead, label: Label) -> None:
        if head.dtype == bool and not head.is_picture and not self.has_truth_values:
            raise DataError(f"{label.file}: is an array of truth values, not of numbers")

    @functools.cached_property
    def _key_option(self) -> str:
        return self.cfg_key("key")
