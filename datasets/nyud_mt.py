"""NYU depth v2 for multi-task learning: 795 + 654 images, all with classes, depth and normals."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, names_in, read_list
from datasets.presence import require_listed

CLASSES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel",
    "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
    "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop",
)  # fmt: skip
_LISTS = {"train": "train", "test": "val"}


def read(root: Path, split: str) -> Source:
    """Reads `root/NYUD_MT` by `gt_sets/train.txt` and `val.txt` (the test set). Masks store 0 for
    void and 1 to 40 for the classes, depth is .npy in metres, normals .npy or 8-bit PNG."""
    folder = root / "NYUD_MT"
    listed_in = folder / "gt_sets" / f"{_LISTS[split]}.txt"
    ids = [name for (name,) in read_list(listed_in)]
    normals = {Path(file).stem: file for file in sorted(names_in(folder / "normals"), reverse=True)}
    samples = [
        Sample(
            folder / "images" / f"{name}.jpg",
            {
                "segmentation": folder / "segmentation" / f"{name}.png",
                "depth": folder / "depth" / f"{name}.npy",
                "normal": folder / "normals" / normals.get(name, f"{name}.npy"),
            },
        )
        for name in ids
    ]
    labels = [path for sample in samples for path in sample.labels.values()]
    require_listed([sample.image for sample in samples], listed_in, labels)
    storage = {"segmentation": {"first": 1, "void": 0}}
    return Source("NYUD_MT", tuple(samples), {"segmentation": CLASSES}, storage)
