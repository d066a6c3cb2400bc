"""NYU depth v2 as MTAN ships it (Liu et al., CVPR 2019): 795 + 654 images, all with 13 classes,
depth and normals, everything in .npy."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, names_in, require_files
from utils.errors import DataError

CLASSES = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table",
    "tv", "wall", "window",
)  # fmt: skip
_SPLITS = {"train": "train", "test": "val"}
_LABELS = {"segmentation": "label", "depth": "depth", "normal": "normal"}


def read(root: Path, split: str) -> Source:
    """Reads `root/NYUv2/train` and `val` (the test set), each with `image`, `label`, `depth` and
    `normal`: floats in [0, 1], classes with -1 for void, metres and vectors."""
    folder = root / "NYUv2" / _SPLITS[split]
    names = [name for name in names_in(folder / "image") if name.endswith(".npy")]
    if not names:
        raise DataError(f"{folder / 'image'}: no .npy is there, which the images of NYUv2 are")
    samples = [
        Sample(
            folder / "image" / name,
            {kind: folder / below / name for kind, below in _LABELS.items()},
        )
        for name in sorted(names, key=lambda name: (len(name), name))  # 2 comes before 10
    ]
    require_files([path for sample in samples for path in sample.labels.values()])
    return Source(
        "NYUv2", tuple(samples), {"segmentation": CLASSES}, {"segmentation": {"void": -1}}
    )
