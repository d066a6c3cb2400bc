"""Answers as the bytes of files, in forms that the formats of `datasets/formats/` read again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from xml.etree import ElementTree

import cv2
import numpy as np
from PIL import Image

from tasks.palette import palette
from utils.errors import one_line

_MILLIMETRES = 1, np.iinfo(np.uint16).max  # 0 would mean that there is no reading
_JPEG_QUALITY = 92


def palette_png(labels: np.ndarray, classes: int) -> bytes:
    """A mask of class numbers, (H, W) uint8, as a PNG whose palette has the colours of pictures."""
    colours = np.zeros((256, 3), np.uint8)
    colours[:classes] = palette(classes)[:classes]
    picture = Image.fromarray(labels)
    picture.putpalette(colours.tobytes())  # which makes palette indices of the grey values
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    return file.getvalue()


def millimetre_png(depth: np.ndarray) -> bytes:
    """Metres, (H, W), as a PNG of 16 bits in millimetres, which ends at 65.535 m."""
    return _png(np.rint(depth * 1000).clip(*_MILLIMETRES).astype(np.uint16))


def normal_png(normals: np.ndarray) -> bytes:
    """Unit vectors, (H, W, 3), as RGB of 8 bits: 0 stands for -1 and 255 for 1."""
    colours = np.rint((normals + 1) * 127.5).clip(0, 255).astype(np.uint8)
    return _png(colours[..., ::-1])


def share_png(shares: np.ndarray) -> bytes:
    """Shares in [0, 1], (H, W), as a PNG of 8 bits: 255 stands for 1."""
    return _png(np.rint(shares * 255).astype(np.uint8))


def npy(array: np.ndarray) -> bytes:
    """An array as .npy."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def jpeg(picture: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)[1].tobytes()


def yolo_text(boxes: np.ndarray, size: tuple[int, int]) -> bytes:
    """Boxes, (N, 7), a line each: the class, and centre and size as shares of the image."""
    height, width = size
    corners = boxes[:, :4].astype(np.float64) / (width, height, width, height)
    centres, sides = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    lines = [
        f"{int(number)} {x:.8f} {y:.8f} {w:.8f} {h:.8f}\n"
        for number, (x, y), (w, h) in zip(boxes[:, 4], centres, sides, strict=True)
    ]
    return "".join(lines).encode()


def voc_xml(boxes: np.ndarray, size: tuple[int, int], name: str, classes: Sequence[str]) -> bytes:
    """Boxes, (N, 7), of an image called `name` as a VOC annotation, with their scores."""
    root = ElementTree.Element("annotation")
    _add(root, filename=one_line(name))
    _add(ElementTree.SubElement(root, "size"), width=size[1], height=size[0], depth=3)
    for x1, y1, x2, y2, number, _, score in boxes.tolist():
        element = ElementTree.SubElement(root, "object")
        _add(element, name=classes[int(number)], difficult=0, score=f"{score:.4f}")
        # Pixels count from 1, and both ends belong to the box.
        ends = {"xmin": x1 + 1, "ymin": y1 + 1, "xmax": x2, "ymax": y2}
        place = ElementTree.SubElement(element, "bndbox")
        _add(place, **{end: f"{value:.2f}" for end, value in ends.items()})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8")


def _add(parent: ElementTree.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)


def _png(numbers: np.ndarray) -> bytes:
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    return cv2.imencode(".png", np.ascontiguousarray(numbers), fast)[1].tobytes()
