"""NYU depth v2 for multi-task learning: 795 + 654 images, all with classes, depth and normals."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, names_in, read_list, require_files

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
    ids = [name for (name,) in read_list(folder / "gt_sets" / f"{_LISTS[split]}.txt")]
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
    require_files([file for s in samples for file in (s.image, *s.labels.values())])
    storage = {"segmentation": {"first": 1, "void": 0}}
    return Source("NYUD_MT", tuple(samples), {"segmentation": CLASSES}, storage)
