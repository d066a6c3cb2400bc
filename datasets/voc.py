"""PASCAL VOC 2007 and 2012 (Everingham et al., IJCV 2010) with the masks of SBD (Hariharan et al.,
ICCV 2011): boxes on every image, masks on about two thirds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Format, Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.voc_xml import VocXml
from datasets.listing import names_in, read_list
from utils.errors import DataError

OBJECTS = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
CLASSES = {"detection": OBJECTS, "segmentation": ("background", *OBJECTS)}


class VOC(Dataset):
    """`VOC/VOC2007` and `VOC/VOC2012`.

    `train` is trainval of both years without 2012's segmentation val; `test` is 2007 test, with
    boxes, and 2012 segmentation val, with boxes and masks. The paper's lists `trainvalsegdet` (of
    both years) and `segval` say it where a user has them.

    2012's segmentation sets hold all of 2007's, the image 000033 as 2007_000033. Of its val, 217
    are in 2007 trainval, and left out there, and 321 in all are in no list of boxes of 2012: there
    are 5,011 - 217 + 11,540 - (1,449 - 321) = 15,206 images to train on, and as many more as there
    are others of val in no such list. Of SBD's 10,582 masks, the 106 of 2007 test are left out:
    10,476 at most. The paper's 15,215 and 10,477 fit lists that leave out each year's own
    segmentation val; 115 images to test on would be among them, under their names of 2007.
    """

    folder = "VOC"
    signs = ("VOC2012", "VOC2007")
    labels = CLASSES
    expected = {  # of the paper's lists; the rule above comes within ten of them
        "train": {"images": 15_215, "detection": 15_215, "segmentation": 10_477},
        "test": {"images": 6_401, "detection": 6_401, "segmentation": 1_449},
    }

    def list(self, folder, split):
        voc07, voc12 = folder / "VOC2007", folder / "VOC2012"
        _require_years(voc07, voc12)
        val = _list(voc12, "Segmentation", ("segval", "val"))
        if split == "test":
            parts = [
                (voc07, _list(voc07, "Main", ("test",)), ()),
                (voc12, val, _masks(voc12)),
            ]
        else:
            held_out = set(val.ids)
            list07 = _list(voc07, "Main", ("trainvalsegdet", "trainval"))
            if list07.file.stem == "trainval":
                list07 = list07.without(held_out, "2007_")
            list12 = _list(voc12, "Main", ("trainvalsegdet", "trainval"))
            parts = [
                (voc07, list07, [*_masks(voc07), *_masks(voc12)]),
                (voc12, list12.without(held_out), _masks(voc12)),
            ]
        formats = {"detection": VocXml(OBJECTS), "segmentation": ClassMask(CLASSES["segmentation"])}
        samples = [sample for part in parts for sample in _samples(*part, formats)]
        return Split(self.name, tuple(samples), CLASSES, folder)


class _List(NamedTuple):
    """The ids of images, and the file that lists them."""

    file: Path
    ids: list[str]

    def without(self, held_out: set[str], prefix: str = "") -> _List:
        return self._replace(ids=[name for name in self.ids if prefix + name not in held_out])


def _require_years(voc07: Path, voc12: Path) -> None:
    for folder, other in ((voc07, voc12), (voc12, voc07)):
        if other.is_dir() and not folder.is_dir():
            raise DataError(
                f"{folder}: the folder is missing, {other.name} alone is there; both years are "
                "read, 2012 for the masks and 2007 for its test set"
            )


def _list(folder: Path, kind: str, names: tuple[str, ...]) -> _List:
    """The first of the lists that is there."""
    paths = [folder / "ImageSets" / kind / f"{name}.txt" for name in names]
    path = next((path for path in paths if path.is_file()), paths[-1])
    return _List(path, [name for (name,) in read_list(path)])


def _masks(folder: Path) -> list[Path]:
    """Where masks lie, VOC's own first."""
    return [folder / "SegmentationClass", folder / "SegmentationClassAug"]


def _samples(
    folder: Path,
    listed: _List,
    masks: Sequence[Path],
    formats: dict[str, Format],
) -> list[Sample]:
    """The images of a list, each with the first of its masks; a mask of another year's folder is
    called by the year as well."""
    present = {below: names_in(below) for below in masks}
    samples = []
    for name in listed.ids:
        boxes = folder / "Annotations" / f"{name}.xml"
        labels = {"detection": Label(formats["detection"], (boxes,))}
        for below in masks:
            file = f"{name}.png" if below.parent == folder else f"2007_{name}.png"
            if file in present[below]:
                labels["segmentation"] = Label(formats["segmentation"], (below / file,))
                break
        samples.append(Sample(folder / "JPEGImages" / f"{name}.jpg", labels, listed.file))
    return samples
