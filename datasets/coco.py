"""COCO 2017 (Lin et al., ECCV 2014): 118,287 + 5,000 images, all with boxes, and with masks made of
the outlines of their objects."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path

from datasets.base import Dataset, Sample, Split, Unmatched
from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.coco_json import CocoBoxes, CocoMasks
from datasets.listing import require_inside
from utils.errors import DataError
from utils.option import nearest

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
        annotations = load_annotations(path)
        _require_names(annotations, folder / part)
        formats = {
            "detection": CocoBoxes(OBJECTS, annotations),
            "segmentation": CocoMasks(CLASSES["segmentation"], annotations),
        }
        samples = []
        for row, name in enumerate(annotations.names):
            image = folder / part / name
            labels = {t: stored.label(row, image) for t, stored in formats.items()}
            samples.append(Sample(image, labels, path))
        faults = annotations.faults
        others = Unmatched(faults.orphans, *faults.orphan)
        unmatched = dict.fromkeys(formats, others) if faults.orphans else {}
        return Split(self.name, tuple(samples), CLASSES, folder, unmatched)


def load_annotations(path: Path) -> CocoAnnotations:
    """The contents of a COCO JSON. A file takes some 20 s to parse, and serves every run of an
    experiment; it is parsed anew when it has changed."""
    return _loaded(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=4)
def _loaded(path: Path, changed: int) -> CocoAnnotations:
    return CocoAnnotations.load(path)


def _require_names(annotations: CocoAnnotations, folder: Path) -> None:
    """Checks that all entries of 'images' name a file in a folder, each another, and all objects
    are of COCO's classes.

    Raises:
        DataError: one does not.
    """
    file, names = annotations.file, annotations.names
    if "" in names:
        raise DataError(f"{file}: entry {names.index('') + 1} of 'images' has no 'file_name'")
    if len(set(names)) < len(names):
        name = Counter(names).most_common(1)[0][0]
        raise DataError(f"{file}: two of 'images' have the 'file_name' {name}")
    require_inside(folder, names, str(file))
    for name in annotations.with_objects:
        if name not in OBJECTS:
            raise DataError(
                f"{file}: objects are of the category '{name}', which is none of COCO's 80"
                f"{nearest(name, OBJECTS)}"
            )
