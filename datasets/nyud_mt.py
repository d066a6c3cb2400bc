"""NYU depth v2 for multi-task learning: 795 + 654 images, all with classes, depth, normals and, in
most preparations, edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Format, Label
from datasets.formats.binary_maps import BinaryMap
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
_LABELS = {"segmentation": CLASSES, "depth": (), "normal": (), "edge": ()}


class NYUDMT(Dataset):
    """ASTMT's preparation (Maninis et al., CVPR 2019): `gt_sets/train.txt` and `val.txt` (the test
    set) name the images, which are .jpg or .png.

    Masks store 0 for void and 1 to 40 for the classes, depth is .npy in metres, normals are .npy or
    8-bit PNG, and edges are PNG of 0 and 255. The folder `edge` may be absent. Of an image or a
    normal map in two kinds of files, the one that keeps all numbers counts.
    """

    folder = "NYUD_MT"
    other_folders = ("NYUDv2",)
    signs = ("gt_sets",)
    labels = _LABELS
    expected = {
        "train": dict.fromkeys(("images", *_LABELS), 795),
        "test": dict.fromkeys(("images", *_LABELS), 654),
    }
    usual_image: ClassVar[str] = ".jpg"
    """The ending of images that are not there."""

    def list(self, folder, split):
        listed_in = folder / "gt_sets" / f"{_LISTS[split]}.txt"
        ids = [name for (name,) in read_list(listed_in)]
        images = _Files(folder / "images", (".png", ".jpg", self.usual_image))
        labels: dict[str, tuple[Format, _Files]] = {
            "segmentation": (
                ClassMask(CLASSES, first=1, void=0),
                _Files(folder / "segmentation", (".png",)),
            ),
            "depth": (DepthMap(unit=1.0), _Files(folder / "depth", (".npy",))),
            "normal": (NormalMap(), _Files(folder / "normals", (".npy", ".png", ".npy"))),
        }
        lacking = {}
        if (folder / "edge").is_dir():
            labels["edge"] = BinaryMap(), _Files(folder / "edge", (".png",))
        else:
            lacking["edge"] = folder / "edge"
        samples = tuple(
            Sample(
                images[name],
                {kind: Label(stored, (files[name],)) for kind, (stored, files) in labels.items()},
                listed_in,
            )
            for name in ids
        )
        kinds = sorted({sample.image.suffix for sample in samples})
        decided = {"images": " and ".join(kinds)}
        classes = {"segmentation": CLASSES}
        return Split(self.name, samples, classes, folder, decided=decided, lacking=lacking)


class NYUDv2(NYUDMT):
    """The same as InvPT ships it (Ye and Xu, ECCV 2022): images and normals in PNG, and edges."""

    folder = "NYUDv2"
    other_folders = ("NYUD_MT",)
    usual_image = ".png"


class _Files:
    """The files of a folder by the names of their images.

    Args:
        suffixes: the endings that the file of a name may have, the first of those that are there
            counts, and the last where none is.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str]):
        self.folder, self.suffixes, self.names = folder, suffixes, names_in(folder)

    def __getitem__(self, name: str) -> Path:
        endings = (e for e in self.suffixes if f"{name}{e}" in self.names)
        return self.folder / f"{name}{next(endings, self.suffixes[-1])}"
