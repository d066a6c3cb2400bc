"""What boxes a dataset holds."""

from __future__ import annotations

import numpy as np

from tasks.statistics import LabelStatistics, most_first, never


class ObjectCounts(LabelStatistics):
    """How many objects of each class there are, and which of their boxes leave the image."""

    def __init__(self, classes: tuple[str, ...]):
        super().__init__()
        self.classes = classes
        self.objects = np.zeros(len(classes), np.int64)
        self.difficult = self.clipped = self.empty = 0

    def count(self, label, target):
        self.objects += np.bincount(target[:, 4].astype(int), minlength=len(self.classes))
        self.difficult += int(target[:, 5].sum())
        self.empty += not len(target)
        source, clipped = label.format.source(label), label.format.clipped(label)
        self.clipped += len(clipped)
        self.warnings += [
            f"{source}: a box of '{name}' reaches past the image and is clipped to it"
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
        result = self.counts()
        occurring = {name: count for name, count in result["classes"].items() if count}
        named = [f"{name} {count:,}" for name, count in most_first(occurring)]
        return [
            f"{result['objects']:,} objects, {self.difficult:,} of them difficult; images without "
            f"any: {self.empty:,}; boxes that reach past the image: {self.clipped:,}",
            *([f"objects: {', '.join(named)}"] if named else []),
            *never(result["never"], len(self.classes)),
        ]
