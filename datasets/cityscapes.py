"""Cityscapes (Cordts et al., CVPR 2016): 2,975 + 500 streets with classes, and depth from disparity
where that was downloaded."""

from __future__ import annotations

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.disparity import DisparityMap
from utils.errors import DataError

_NUMBERS = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17,
    "traffic light": 19, "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23,
    "person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "train": 31, "motorcycle": 32,
    "bicycle": 33,
}  # fmt: skip
"""The classes that count, with their numbers in `labelIds`. In `labelTrainIds`, they are counted
from 0 in this order."""
CLASSES = tuple(_NUMBERS)
_SPLITS = {"train": "train", "test": "val"}
_IMAGE, _IDS, _TRAIN_IDS = "_leftImg8bit.png", "_gtFine_labelIds.png", "_gtFine_labelTrainIds.png"


class Cityscapes(Dataset):
    """`leftImg8bit`, `gtFine`, `disparity` and `camera` of `Cityscapes`, in each
    `<split>/<city>/<image>_<folder>…`; `val` is the test set.

    Of the labels, `gtFine` or `disparity` may be absent as a whole. An image without a camera file
    has the baseline and focal length of most.
    """

    folder = "Cityscapes"
    signs = ("leftImg8bit",)
    labels = {"segmentation": CLASSES, "depth": ()}
    expected = {
        "train": dict.fromkeys(("images", "segmentation", "depth"), 2_975),
        "test": dict.fromkeys(("images", "segmentation", "depth"), 500),
    }

    def list(self, folder, split):
        part = _SPLITS[split]
        images = sorted((folder / "leftImg8bit" / part).glob(f"*/*{_IMAGE}"))
        if not images:
            raise DataError(
                f"{folder / 'leftImg8bit' / part}: no image is there; they are called "
                f"<city>/<name>{_IMAGE}"
            )
        names = {
            kind: {path.name for path in (folder / kind / part).glob("*/*")}
            for kind in ("gtFine", "disparity", "camera")
        }
        by_ids = any(name.endswith(_IDS) for name in names["gtFine"])
        by_train_ids = not by_ids and any(name.endswith(_TRAIN_IDS) for name in names["gtFine"])
        numbers = () if by_train_ids else tuple(_NUMBERS.values())
        mask = ClassMask(CLASSES, others_void=by_ids, numbers=numbers)
        depth = DisparityMap()
        samples = []
        for image in images:
            city, stem = image.parent.name, image.name.removesuffix(_IMAGE)
            labels: dict[str, Label] = {}
            if names["gtFine"]:
                ending = _TRAIN_IDS if by_train_ids else _IDS
                path = folder / "gtFine" / part / city / f"{stem}{ending}"
                labels["segmentation"] = Label(mask, (path,))
            if names["disparity"]:
                path = folder / "disparity" / part / city / f"{stem}_disparity.png"
                camera = folder / "camera" / part / city / f"{stem}_camera.json"
                known = (camera,) if camera.name in names["camera"] else ()
                labels["depth"] = Label(depth, (path, *known))
            samples.append(Sample(image, labels))
        if not samples[0].labels:
            raise DataError(f"{folder}: has no labels: neither gtFine/{part} nor disparity/{part}")
        return Split(self.name, tuple(samples), {"segmentation": CLASSES}, folder)
