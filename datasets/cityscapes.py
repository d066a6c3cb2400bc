"""Cityscapes (Cordts et al., CVPR 2016): 2,975 + 500 streets with classes and instances, and with
disparity where that was downloaded."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Format, Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.disparity import DisparityMap, ScaledDisparity
from datasets.formats.instance_ids import InstanceIds
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
THINGS = CLASSES[11:]
"""Those that have instances."""
_SPLITS = {"train": "train", "test": "val"}
_IMAGE, _IDS, _TRAIN_IDS = "_leftImg8bit.png", "_gtFine_labelIds.png", "_gtFine_labelTrainIds.png"
_INSTANCE_IDS, _DISPARITY = "_gtFine_instanceIds.png", "_disparity.png"


class Cityscapes(Dataset):
    """`leftImg8bit`, `gtFine`, `disparity` and `camera` of `Cityscapes`, in each
    `<split>/<city>/<image>_<folder>…`; `val` is the test set.

    `depth` is metric, and `disparity` is in the unit of Sener and Koltun's and Aligned-MTL's
    figures; both are of the files of `disparity`. Of the labels, `gtFine` or `disparity` may be
    absent as a whole, and of `gtFine` all instances. An image without a camera file has the
    baseline and focal length of most.
    """

    folder = "Cityscapes"
    signs = ("leftImg8bit",)
    labels = {"segmentation": CLASSES, "instance": (), "depth": (), "disparity": ()}
    expected = {
        "train": dict.fromkeys(("images", *labels), 2_975),
        "test": dict.fromkeys(("images", *labels), 500),
    }

    def list(self, folder, split):
        part = _SPLITS[split]
        images = sorted((folder / "leftImg8bit" / part).glob(f"*/*{_IMAGE}"))
        if not images:
            raise DataError(
                f"{folder / 'leftImg8bit' / part}: no image is there; they are called "
                f"<city>/<name>{_IMAGE}"
            )
        formats = _formats(folder, part)
        if not formats:
            raise DataError(f"{folder}: has no labels: neither gtFine/{part} nor disparity/{part}")
        cameras = {path.name for path in (folder / "camera" / part).glob("*/*")}
        samples = []
        for image in images:
            city, stem = image.parent.name, image.name.removesuffix(_IMAGE)
            labels = {
                task_type: Label(stored, (folder / kind / part / city / f"{stem}{ending}",))
                for task_type, (kind, ending, stored) in formats.items()
            }
            camera = folder / "camera" / part / city / f"{stem}_camera.json"
            if "depth" in labels and camera.name in cameras:
                files = (labels["depth"].file, camera)
                labels["depth"] = Label(labels["depth"].format, files)
            samples.append(Sample(image, labels))
        return Split(self.name, tuple(samples), {"segmentation": CLASSES}, folder)


def _formats(folder: Path, part: str) -> dict[str, tuple[str, str, Format]]:
    """The labels that there are, by task type: their folder, the ending of their files, and their
    format."""
    names = {
        kind: {path.name for path in (folder / kind / part).glob("*/*")}
        for kind in ("gtFine", "disparity")
    }
    by_ids, by_train_ids, has_instances = (
        any(name.endswith(ending) for name in names["gtFine"])
        for ending in (_IDS, _TRAIN_IDS, _INSTANCE_IDS)
    )
    formats: dict[str, tuple[str, str, Format]] = {}
    if names["gtFine"]:
        by_train_ids = by_train_ids and not by_ids
        numbers = () if by_train_ids else tuple(_NUMBERS.values())
        mask = ClassMask(CLASSES, others_void=by_ids, numbers=numbers)
        formats["segmentation"] = ("gtFine", _TRAIN_IDS if by_train_ids else _IDS, mask)
    if has_instances:
        stored = InstanceIds(THINGS, tuple(_NUMBERS[name] for name in THINGS))
        formats["instance"] = ("gtFine", _INSTANCE_IDS, stored)
    if names["disparity"]:
        formats["depth"] = ("disparity", _DISPARITY, DisparityMap())
        formats["disparity"] = ("disparity", _DISPARITY, ScaledDisparity())
    return formats
