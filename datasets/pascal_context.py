"""PASCAL-Context for multi-task learning, as ASTMT prepares it (Maninis et al., CVPR 2019): 4,998 +
5,105 images of VOC 2010, all with classes and with normals."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, names_in, read_list
from datasets.presence import require_listed
from datasets.voc import CLASSES as VOC_CLASSES

CLASSES = VOC_CLASSES["segmentation"]
_LISTS = {"train": "train", "test": "val"}
_MASK_FOLDERS = ("semseg/VOC12", "semseg/pascal-context")  # VOC's own first, as ASTMT does


def read(root: Path, split: str) -> Source:
    """Reads `root/PASCAL_MT` by `ImageSets/Context/train.txt` and `val.txt` (the test set). The
    normals are the predictions of a network that saw NYU, in 8-bit PNG."""
    folder = root / "PASCAL_MT"
    listed_in = folder / "ImageSets" / "Context" / f"{_LISTS[split]}.txt"
    ids = [name for (name,) in read_list(listed_in)]
    own = names_in(folder / _MASK_FOLDERS[0])
    samples = [
        Sample(
            folder / "JPEGImages" / f"{name}.jpg",
            {
                "segmentation": folder / _MASK_FOLDERS[f"{name}.png" not in own] / f"{name}.png",
                "normal": folder / "normals_distill" / f"{name}.png",
            },
        )
        for name in ids
    ]
    labels = [path for sample in samples for path in sample.labels.values()]
    require_listed([sample.image for sample in samples], listed_in, labels)
    return Source("PASCAL_MT", tuple(samples), {"segmentation": CLASSES})
