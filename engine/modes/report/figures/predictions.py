"""Test pictures side by side: the truth, and below it the prediction of each loss."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

IMAGES, LOSSES = 3, 8
"""At most so many test images and losses, for the size of the page."""
_WIDTH, _QUALITY = 224, 80


@dataclass(frozen=True)
class Picture:
    """A picture in the page: a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class PictureTable:
    """A test image.

    Attributes:
        rows: the name of each row and its pictures, one a task; None where there is none.
    """

    title: str
    image: Picture
    tasks: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Picture | None]]]


def choose_losses(ranked: Sequence[str], reference: str | None) -> list[str]:
    """The losses whose predictions are shown: all, or the best few, the reference and the worst."""
    if len(ranked) <= LOSSES:
        return list(ranked)
    chosen = {*ranked[: LOSSES - 2], ranked[-1], reference if reference else ranked[LOSSES - 2]}
    return [loss for loss in ranked if loss in chosen]


def compare_predictions(
    pictures: Mapping[str, Path], tasks: Mapping[str, str]
) -> list[PictureTable]:
    """The first test images of which there are pictures. A loss of which the pictures show other
    images is left out of the comparison.

    Args:
        pictures: by loss, the folder `pictures` of one of its runs.
        tasks: by name of a task, what the names of its files begin with.
    """
    comparisons = []
    for number in range(IMAGES):
        folders = {loss: folder / str(number) for loss, folder in pictures.items()}
        folders = {loss: folder for loss, folder in folders.items() if _image(folder)}
        if not folders:
            break
        first = next(iter(folders.values()))
        folders = {loss: f for loss, f in folders.items() if _image(f) == _image(first)}
        title = f"Test image {number + 1}"
        truths = [
            _picture(first / f"{file}_truth.png", f"{title}, {task}: truth")
            for task, file in tasks.items()
        ]
        rows = [("truth", truths)]
        for loss, folder in folders.items():
            of_loss = [
                _picture(folder / f"{file}_prediction.png", f"{title}, {task}: {loss}")
                for task, file in tasks.items()
            ]
            rows.append((loss, of_loss))
        image = _picture(first / "image.png", title)
        if image is not None:
            comparisons.append(PictureTable(title, image, list(tasks), rows))
    return comparisons


def _image(folder: Path) -> bytes:
    """The image that a folder's pictures are of; empty where there is none."""
    path = folder / "image.png"
    return path.read_bytes() if path.is_file() else b""


def _picture(path: Path, alt: str) -> Picture | None:
    """A small copy of a picture; None where it is missing or damaged."""
    if not path.is_file():
        return None
    stored = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if stored is None:
        return None
    height, width = stored.shape[:2]
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    small = cv2.resize(stored, size, interpolation=cv2.INTER_AREA) if width > _WIDTH else stored
    kinds = (("jpeg", [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]), ("png", []))
    smallest = min(
        ((kind, cv2.imencode(f".{kind}", small, options)[1].tobytes()) for kind, options in kinds),
        key=lambda encoded: len(encoded[1]),
    )
    text = base64.b64encode(smallest[1]).decode()
    return Picture(f"data:image/{smallest[0]};base64,{text}", *small.shape[1::-1], alt)
