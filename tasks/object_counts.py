"""What boxes a dataset holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.survey import Survey, most_first, never
from tasks.voc_xml import read_voc_xml


class ObjectCounts(Survey):
    """How many objects of each class there are, and which of their boxes leave the image."""

    def __init__(self, classes: tuple[str, ...]):
        super().__init__()
        self.classes = classes
        self.objects = np.zeros(len(classes), np.int64)
        self.difficult = self.clipped = self.empty = 0

    def stored_size(self, label):
        return read_voc_xml(label)[0] if isinstance(label, Path) else label.size

    def count(self, label, target):
        self.objects += np.bincount(target[:, 4].astype(int), minlength=len(self.classes))
        self.difficult += int(target[:, 5].sum())
        self.empty += not len(target)
        if isinstance(label, Path):
            where = str(label)
            clipped = [item.name for item in read_voc_xml(label)[1] if item.clipped]
        else:
            where, clipped = f"{label.file}: {label.name}", label.clipped
        self.clipped += len(clipped)
        self.warnings += [
            f"{where}: a box of '{name}' reaches past the image and is clipped to it"
            for name in clipped
        ]

    def merge_counts(self, later):
        self.objects += later.objects
        self.difficult += later.difficult
        self.clipped += later.clipped
        self.empty += later.empty

    def counts(self):
        objects = dict(zip(self.classes, self.objects.tolist(), strict=True))
        return {
            "objects": sum(objects.values()),
            "difficult": self.difficult,
            "images_without_objects": self.empty,
            "boxes_past_the_image": self.clipped,
            "classes": objects,
            "never": [name for name, count in objects.items() if not count],
        }

    def lines(self):
        found = self.counts()
        occurring = {name: count for name, count in found["classes"].items() if count}
        named = [f"{name} {count:,}" for name, count in most_first(occurring)]
        return [
            f"{found['objects']:,} objects, {self.difficult:,} of them difficult; images without "
            f"any: {self.empty:,}; boxes that reach past the image: {self.clipped:,}",
            *([f"objects: {', '.join(named)}"] if named else []),
            *never(found["never"], len(self.classes)),
        ]
