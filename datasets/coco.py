"""COCO 2017 (Lin et al., ECCV 2014): 118,287 + 5,000 images, all with boxes, and with masks made of
the outlines of their objects."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from datasets.base import Dataset, Sample, Split
from datasets.formats.coco_json import CocoAnnotations, CocoBoxes, CocoMasks
from datasets.listing import require_inside

OBJECTS = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 objects, in the order of their category numbers."""

CLASSES = {"detection": OBJECTS, "segmentation": ("background", *OBJECTS)}
_PARTS = {"train": "train2017", "test": "val2017"}


class COCO(Dataset):
    """`mscoco/train2017` and `val2017` (test set), as the file of `annotations/instances_*.json`
    lists them. An image without objects is one that shows none."""

    folder = "mscoco"
    signs = ("annotations/instances_train2017.json", "annotations/instances_val2017.json")
    labels = CLASSES
    expected = {
        "train": dict.fromkeys(("images", "detection", "segmentation"), 118_287),
        "test": dict.fromkeys(("images", "detection", "segmentation"), 5_000),
    }

    def list(self, folder, split):
        part = _PARTS[split]
        path = folder / "annotations" / f"instances_{part}.json"
        annotations = load_annotations(path, OBJECTS)
        require_inside(folder / part, annotations.names, str(path))
        boxes = CocoBoxes(OBJECTS, annotations)
        masks = CocoMasks(CLASSES["segmentation"], annotations)
        samples = [
            Sample(
                folder / part / name,
                {"detection": boxes.label(name), "segmentation": masks.label(name)},
                path,
            )
            for name in annotations.names
        ]
        return Split(self.name, tuple(samples), CLASSES, folder)


def load_annotations(path: Path, classes: tuple[str, ...] | None) -> CocoAnnotations:
    """The contents of a COCO JSON. A file takes some 20 s to parse, and serves every run of an
    experiment; it is parsed anew when it has changed."""
    return _loaded(path, path.stat().st_mtime_ns if path.is_file() else 0, classes)


@lru_cache(maxsize=4)
def _loaded(path: Path, changed: int, classes: tuple[str, ...] | None) -> CocoAnnotations:
    return CocoAnnotations.load(path, classes)
