"""The 'images' of a COCO JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

from datasets.formats.coco_annotation import is_id, is_number
from datasets.formats.coco_faults import CocoFault, Faults
from datasets.formats.decoding import MOST_PIXELS


class Images(NamedTuple):
    """The entries of 'images': a row each."""

    names: list[str]  # 'file_name' with slashes; '' where there is none
    sizes: list[tuple[int, int] | None]  # height, width; None where neither is stated
    rows_of_id: dict[int | float | str, int]

    @classmethod
    def of(cls, entries: list, faults: Faults) -> Images:
        """The rows of the list 'images'.

        Raises:
            CocoFault: two have one id.
        """
        images = cls([], [], {})
        for row, entry in enumerate(entries):
            entry = entry if isinstance(entry, dict) else {}
            name, number = entry.get("file_name"), entry.get("id")
            images.names.append(name.replace("\\", "/") if isinstance(name, str) else "")
            try:
                images.sizes.append(_size(entry.get("height"), entry.get("width")))
            except CocoFault as fault:
                images.sizes.append(None)
                faults.add(row, f"entry {row + 1} of 'images' {fault}")
            if not is_id(number):
                faults.add(row, f"entry {row + 1} of 'images' has no 'id' that is one")
            elif images.rows_of_id.setdefault(number, row) != row:
                other = images.names[images.rows_of_id[number]]
                raise CocoFault(f"two of 'images' have the 'id' {number}: {other} and {name}")
        return images


def _size(height: Any, width: Any) -> tuple[int, int] | None:
    if height is None and width is None:
        return None
    if not (is_number(height) and is_number(width)):
        raise CocoFault("has no 'height' and 'width' that are numbers")
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        raise CocoFault(
            f"has a size, {width} x {height}, that is not positive, or larger than images that are "
            "read"
        )
    return int(height), int(width)
