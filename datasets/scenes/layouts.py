"""Scenes written to disk as real datasets lie there, so that the same readers read both.

Every image of every dataset is a scene of its own: a scene's number follows from the dataset, the
split and the image's place in it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.scenes.classes import CLASSES, VOC_NUMBERS, table
from datasets.scenes.coco_layout import COCO
from datasets.scenes.files import MANY, Job, Layout, save_jpeg, save_png
from datasets.scenes.multi_task_layouts import NYUDMT, NYUDv2, NYUv2
from datasets.scenes.pascal_layout import PascalContext
from datasets.scenes.room import focal_length
from datasets.scenes.scene import Scene
from datasets.scenes.street_layout import Cityscapes, CityscapesMTAN
from datasets.scenes.taskonomy_layout import Taskonomy

_VOC = table(VOC_NUMBERS)
_VOID = 255
_BEHIND = 0.25  # metres: a step in depth that throws a shadow in a depth camera's view


class VOC(Layout):
    """PASCAL VOC 2007 and 2012: boxes on all images, masks on about two thirds.

    Of the training images, 2007's have boxes only and 2012's have masks as well: half of these in
    `SegmentationClass`, half as SBD's are. The test images are 2007 test, with boxes, and 2012
    segmentation val, with boxes and masks. `train` and `val` are those of NYU: there are 15 / 24 as
    many training images.
    """

    folders = (
        *(f"VOC2007/{name}" for name in ("JPEGImages", "Annotations", "ImageSets/Main")),
        *(f"VOC2012/{name}" for name in ("JPEGImages", "Annotations", "ImageSets/Main")),
        *(f"VOC2012/{name}" for name in ("ImageSets/Segmentation", "SegmentationClass")),
        "VOC2012/SegmentationClassAug",
    )

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        images = max(2, round(train * 15 / 24))
        masks = min(max(1, round(images * 2 / 3)), images - 1)
        named = (masks + 1) // 2
        tested = max(1, val // 2)
        parts = [
            *["VOC2007/trainval"] * (images - masks),
            *["VOC2012/train"] * named,
            *["VOC2012/aug"] * (masks - named),
        ]
        jobs = [Job(k, _voc_id(part, k), part) for k, part in enumerate(parts)]
        parts = ["VOC2007/test"] * tested + ["VOC2012/val"] * max(1, val - tested)
        return jobs + [
            Job(MANY + k, _voc_id(part, images + k), part) for k, part in enumerate(parts)
        ]

    @staticmethod
    def lists(jobs: list[Job], size: tuple[int, int]) -> dict[str, str]:
        def lines(*parts):
            return "".join(f"{job.name}\n" for job in jobs if job.part in parts)

        in12 = ("VOC2012/train", "VOC2012/aug", "VOC2012/val")
        return {
            "VOC2007/ImageSets/Main/trainval.txt": lines("VOC2007/trainval"),
            "VOC2007/ImageSets/Main/test.txt": lines("VOC2007/test"),
            "VOC2012/ImageSets/Main/trainval.txt": lines(*in12),
            "VOC2012/ImageSets/Segmentation/train.txt": lines("VOC2012/train"),
            "VOC2012/ImageSets/Segmentation/val.txt": lines("VOC2012/val"),
        }

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        year, part = job.part.split("/")
        folder = folder / year
        save_jpeg(folder / "JPEGImages" / f"{job.name}.jpg", scene.image)
        masks = {"train": "SegmentationClass", "val": "SegmentationClass"}
        masks = masks.get(part, "SegmentationClassAug") if year == "VOC2012" else None
        xml = voc_annotation(scene, year, job.name, segmented=masks == "SegmentationClass")
        (folder / "Annotations" / f"{job.name}.xml").write_text(xml)
        if masks:
            picture = Image.fromarray(voc_mask(scene), "P")
            picture.putpalette(_voc_palette())
            picture.save(folder / masks / f"{job.name}.png")


class NYU(Layout):
    """NYU depth v2 as prepared for depth alone: 16-bit PNG in millimetres, 0 = no reading."""

    folders = ("sync", "official_splits/test")

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        return [
            *(Job(2 * MANY + k, f"room_{k // 8:04d}/{k % 8:05d}", "sync") for k in range(train)),
            *(Job(3 * MANY + k, f"room/{k:05d}", "official_splits/test") for k in range(val)),
        ]

    @staticmethod
    def lists(jobs: list[Job], size: tuple[int, int]) -> dict[str, str]:
        def lines(part, start):
            return "".join(
                f"{start}{image} {start}{depth} {focal_length(size):.4f}\n"
                for image, depth in (_nyu_files(job.name) for job in jobs if job.part == part)
            )

        return {
            "nyudepthv2_train_files_with_gt.txt": lines("sync", "/"),
            "nyudepthv2_test_files_with_gt.txt": lines("official_splits/test", ""),
        }

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        image, depth = (folder / job.part / name for name in _nyu_files(job.name))
        image.parent.mkdir(exist_ok=True)
        save_jpeg(image, scene.image)
        save_png(depth, depth_reading(scene))


LAYOUTS = {
    "VOC": VOC,
    "NYU": NYU,
    "NYUD_MT": NYUDMT,
    "NYUDv2": NYUDv2,
    "NYUv2": NYUv2,
    "PASCALContext": PascalContext,
    "PASCAL_MT": PascalContext,
    "COCO": COCO,
    "Cityscapes": Cityscapes,
    "Cityscapes_MTAN": CityscapesMTAN,
    "Taskonomy": Taskonomy,
}
"""The layouts by the names of their datasets."""


def voc_annotation(scene: Scene, year: str, name: str, segmented: bool) -> str:
    """The XML of an image: its objects of VOC's classes, in pixels counted from 1, both ends in."""
    height, width = scene.depth.shape
    root = ET.Element("annotation")
    _fill(root, folder=year, filename=f"{name}.jpg")
    _fill(ET.SubElement(root, "size"), width=width, height=height, depth=3)
    _fill(root, segmented=int(segmented))
    for box, number, difficult in zip(
        scene.boxes.astype(int), scene.box_classes, scene.difficult, strict=True
    ):
        if not _VOC[number]:
            continue
        x1, y1, x2, y2 = (int(value) for value in box)
        truncated = x1 == 0 or y1 == 0 or x2 == width or y2 == height
        item = ET.SubElement(root, "object")
        _fill(item, name=CLASSES[number], pose="Unspecified")
        _fill(item, truncated=int(truncated), difficult=int(difficult))
        _fill(ET.SubElement(item, "bndbox"), xmin=x1 + 1, ymin=y1 + 1, xmax=x2, ymax=y2)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def voc_mask(scene: Scene) -> np.ndarray:
    """(H, W) uint8: VOC's classes; void (255) on difficult objects and on the border, one pixel
    wide, of an object of these classes."""
    mask = _VOC[scene.classes]
    named = np.where(mask > 0, scene.instances, 0)
    mask[np.isin(named, 1 + np.flatnonzero(scene.difficult))] = _VOID
    mask[:, :-1][named[:, :-1] != named[:, 1:]] = _VOID
    mask[:-1][named[:-1] != named[1:]] = _VOID
    return mask


def depth_reading(scene: Scene) -> np.ndarray:
    """(H, W) uint16: depth in millimetres, and 0 where a depth camera has no reading: through
    windows, and in the narrow shadow to the left of what stands in front."""
    reading = np.round(scene.depth * 1000).astype(np.uint16)
    reading[scene.classes == CLASSES.index("window")] = 0
    reading[:, :-1][scene.depth[:, :-1] > scene.depth[:, 1:] + _BEHIND] = 0
    return reading


def _voc_id(part: str, number: int) -> str:
    return f"{number + 1:06d}" if part.startswith("VOC2007") else f"2012_{number + 1:06d}"


def _nyu_files(name: str) -> tuple[str, str]:
    room, number = name.split("/")
    return f"{room}/rgb_{number}.jpg", f"{room}/sync_depth_{number}.png"


def _voc_palette() -> list[int]:
    """VOC's colours: the bits of a class number, dealt out in turn to red, green and blue."""
    return [
        sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
        for number in range(256)
        for channel in range(3)
    ]


def _fill(element: ET.Element, **texts) -> None:
    for tag, text in texts.items():
        ET.SubElement(element, tag).text = str(text)
