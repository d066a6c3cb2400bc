"""PASCAL VOC 2007 and 2012 with the SBD masks: boxes on every image, masks on about two thirds."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, names_in, read_list, require_files

OBJECTS = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
CLASSES = {"detection": OBJECTS, "segmentation": ("background", *OBJECTS)}
_MASK_FOLDERS = ("SegmentationClass", "SegmentationClassAug")  # VOC's own first


def read(root: Path, split: str) -> Source:
    """Reads `root/VOC/VOC2007` and `root/VOC/VOC2012`.

    `train` is 2007 trainval (boxes) and 2012 trainval without 2012's segmentation val (boxes, and
    masks where there are any); `test` is 2007 test (boxes) and 2012 segmentation val (boxes and
    masks). Where a user has the paper's lists `trainvalsegdet` and `segval`, they say which images
    of 2012 these are. The masks of 2007 are left alone: some of these images are in 2012's
    segmentation val, under other names.
    """
    voc07, voc12 = root / "VOC" / "VOC2007", root / "VOC" / "VOC2012"
    segmentation_val = _ids(voc12, "Segmentation", ("segval", "val"))
    if split == "train":
        held_out = set(segmentation_val)
        ids12 = _ids(voc12, "Main", ("trainvalsegdet", "trainval"))
        ids12 = [name for name in ids12 if name not in held_out]
        samples = [
            *_samples(voc07, _ids(voc07, "Main", ("trainval",)), masks=False),
            *_samples(voc12, ids12, masks=True),
        ]
    else:
        samples = [
            *_samples(voc07, _ids(voc07, "Main", ("test",)), masks=False),
            *_samples(voc12, segmentation_val, masks=True),
        ]
    return Source("VOC", tuple(samples), CLASSES)


def _ids(folder: Path, kind: str, lists: tuple[str, ...]) -> list[str]:
    """The ids of the first of the lists that is there."""
    paths = [folder / "ImageSets" / kind / f"{name}.txt" for name in lists]
    path = next((path for path in paths if path.is_file()), paths[-1])
    return [name for (name,) in read_list(path)]


def _samples(folder: Path, ids: list[str], masks: bool) -> list[Sample]:
    images = [folder / "JPEGImages" / f"{name}.jpg" for name in ids]
    boxes = [folder / "Annotations" / f"{name}.xml" for name in ids]
    require_files(images + boxes)
    present = {kind: names_in(folder / kind) if masks else set() for kind in _MASK_FOLDERS}
    samples = []
    for name, image, xml in zip(ids, images, boxes, strict=True):
        labels = {"detection": xml}
        file = f"{name}.png"
        if found := next((kind for kind in _MASK_FOLDERS if file in present[kind]), None):
            labels["segmentation"] = folder / found / file
        samples.append(Sample(image, labels))
    return samples
