"""What is wrong with a COCO JSON: with the file as a whole, or with single entries of it."""

from __future__ import annotations


class CocoFault(Exception):
    """What is wrong with a file, without its name; or with an annotation, without its id."""


class Faults:
    """What is wrong with single entries of a file.

    Attributes:
        boxes: by the row of an image, what is wrong with its boxes.
        outlines: the same of what its masks are made of.
        orphans: how many annotations belong to no image.
        orphan: the first of them, and why it belongs to none.
    """

    def __init__(self):
        self.boxes: dict[int, list[str]] = {}
        self.outlines: dict[int, list[str]] = {}
        self.orphans = 0
        self.orphan: tuple[str, str] = ("", "")

    def add(self, row: int, fault: str) -> None:
        """Adds what concerns boxes and masks of an image."""
        self.boxes.setdefault(row, []).append(fault)
        self.outlines.setdefault(row, []).append(fault)

    def add_orphan(self, name: str, reason: str) -> None:
        if not self.orphans:
            self.orphan = name, reason
        self.orphans += 1
