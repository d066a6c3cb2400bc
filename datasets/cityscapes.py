"""Cityscapes (Cordts et al., CVPR 2016): 2,975 + 500 streets with classes, and depth from disparity
where that was downloaded."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Label, Sample, Source, label_file, require_files
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


def read(root: Path, split: str) -> Source:
    """Reads `leftImg8bit`, `gtFine`, `disparity` and `camera` of `root/Cityscapes`, in each
    `<split>/<city>/<image>_<folder>…`; `val` is the test set.

    Of the labels, `gtFine` or `disparity` may be absent as a whole. An image without a camera file
    has the baseline and focal length of most.
    """
    # Not above: with the tasks comes torch, and rendering scenes does without.
    from tasks.disparity import DisparityLabel

    folder, part = root / "Cityscapes", _SPLITS[split]
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
    by_train_ids = not any(name.endswith(_IDS) for name in names["gtFine"]) and any(
        name.endswith(_TRAIN_IDS) for name in names["gtFine"]
    )
    samples = []
    for image in images:
        city, stem = image.parent.name, image.name.removesuffix(_IMAGE)
        labels: dict[str, Label] = {}
        if names["gtFine"]:
            ending = _TRAIN_IDS if by_train_ids else _IDS
            labels["segmentation"] = folder / "gtFine" / part / city / f"{stem}{ending}"
        if names["disparity"]:
            camera = folder / "camera" / part / city / f"{stem}_camera.json"
            labels["depth"] = DisparityLabel(
                folder / "disparity" / part / city / f"{stem}_disparity.png",
                camera if camera.name in names["camera"] else None,
            )
        samples.append(Sample(image, labels))
    if not samples[0].labels:
        raise DataError(f"{folder}: has no labels: neither gtFine/{part} nor disparity/{part}")
    require_files([label_file(label) for s in samples for label in s.labels.values()])
    storage = {} if by_train_ids else {"segmentation": {"numbers": tuple(_NUMBERS.values())}}
    return Source("Cityscapes", tuple(samples), {"segmentation": CLASSES}, storage)
