"""NYU depth v2 for multi-task learning: 795 + 654 images, all with classes, depth and normals."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from datasets.listing import names_in, read_list

CLASSES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel",
    "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
    "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop",
)  # fmt: skip
_LISTS = {"train": "train", "test": "val"}


class NYUDMT(Dataset):
    """`NYUD_MT`, by `gt_sets/train.txt` and `val.txt` (the test set). Masks store 0 for void and 1
    to 40 for the classes, depth is .npy in metres, normals .npy or 8-bit PNG."""

    folder = "NYUD_MT"
    signs = ("gt_sets",)
    labels = {"segmentation": CLASSES, "depth": (), "normal": ()}
    expected = {
        "train": dict.fromkeys(("images", "segmentation", "depth", "normal"), 795),
        "test": dict.fromkeys(("images", "segmentation", "depth", "normal"), 654),
    }

    def list(self, folder, split):
        listed_in = folder / "gt_sets" / f"{_LISTS[split]}.txt"
        ids = [name for (name,) in read_list(listed_in)]
        files = sorted(names_in(folder / "normals"), reverse=True)
        normals = {Path(file).stem: file for file in files}
        mask, depth, normal = ClassMask(CLASSES, first=1, void=0), DepthMap(unit=1.0), NormalMap()
        samples = [
            Sample(
                folder / "images" / f"{name}.jpg",
                {
                    "segmentation": Label(mask, (folder / "segmentation" / f"{name}.png",)),
                    "depth": Label(depth, (folder / "depth" / f"{name}.npy",)),
                    "normal": Label(
                        normal, (folder / "normals" / normals.get(name, f"{name}.npy"),)
                    ),
                },
                listed_in,
            )
            for name in ids
        ]
        return Split(self.name, tuple(samples), {"segmentation": CLASSES}, folder)
