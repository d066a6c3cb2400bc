"""NYU depth v2 as MTAN ships it (Liu et al., CVPR 2019): 795 + 654 images, all with 13 classes,
depth and normals, everything in .npy."""

from __future__ import annotations

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from datasets.listing import names_in
from utils.errors import DataError

CLASSES = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table",
    "tv", "wall", "window",
)  # fmt: skip
_SPLITS = {"train": "train", "test": "val"}
_FORMATS = {
    "segmentation": ("label", ClassMask(CLASSES, void=-1)),
    "depth": ("depth", DepthMap(unit=1.0)),
    "normal": ("normal", NormalMap()),
}


class NYUv2(Dataset):
    """`NYUv2/train` and `val` (the test set), each with `image`, `label`, `depth` and `normal`:
    floats in [0, 1], classes with -1 for void, metres and vectors."""

    folder = "NYUv2"
    signs = ("train/label", "val/label")
    labels = {"segmentation": CLASSES, "depth": (), "normal": ()}
    expected = {
        "train": dict.fromkeys(("images", "segmentation", "depth", "normal"), 795),
        "test": dict.fromkeys(("images", "segmentation", "depth", "normal"), 654),
    }
    list_columns = ("segmentation", "depth", "normal")

    def list(self, folder, split):
        part = folder / _SPLITS[split]
        names = [name for name in names_in(part / "image") if name.endswith(".npy")]
        if not names:
            raise DataError(f"{part / 'image'}: no .npy is there, which the images of NYUv2 are")
        samples = [
            Sample(
                part / "image" / name,
                {
                    task_type: Label(stored, (part / below / name,))
                    for task_type, (below, stored) in _FORMATS.items()
                },
            )
            for name in sorted(names, key=lambda name: (len(name), name))  # 2 comes before 10
        ]
        return Split(self.name, tuple(samples), {"segmentation": CLASSES}, folder)
