"""A sheet of samples: a few images of every dataset and split, each with its labels drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.formats.images import PADDING, read_image
from engine.modes.check.scan import ScanResult
from engine.runs.pictures import NO_LABEL
from utils.errors import DataError
from utils.files import replacing
from utils.geometry import Warp

_COLUMNS = 6
_TILE = (168, 224)  # height and width of a picture
_GAP = 6
_MARGIN = 132  # of the tasks' names
_TITLE = 40
_BLACK, _GREY = (20, 20, 20), (110, 110, 110)


def write_sheet(path: Path, results: Sequence[ScanResult]) -> Path:
    """Writes a PNG with a block for each split: a row of images, and below it a row for each of its
    tasks; grey where an image has no label. Returns the path.

    Shown are images that can be read with all their labels, those with the most labels, evenly
    taken.

    Raises:
        DataError: the file cannot be written.
    """
    sheet = np.concatenate([_block(result) for result in results])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", sheet[..., ::-1])[1])
    except OSError as reason:
        raise DataError(f"{path}: the sheet of samples cannot be written ({reason})") from None
    return path


def _block(result: ScanResult) -> np.ndarray:
    """(H, W, 3) uint8: a title and the rows of one split."""
    height, width = _TILE
    rows = ["image", *(task.task_type for task in result.tasks)]
    shape = (_TITLE + len(rows) * (height + _GAP) + _GAP, _MARGIN + _COLUMNS * (width + _GAP), 3)
    block = np.full(shape, 255, np.uint8)
    for column, index in enumerate(_chosen(result)):
        left = _MARGIN + column * (width + _GAP)
        for row, tile in enumerate(_tiles(result, index)):
            top = _TITLE + row * (height + _GAP)
            block[top : top + height, left : left + width] = tile
    return _captioned(block, result, rows)


def _captioned(block: np.ndarray, result: ScanResult, rows: Sequence[str]) -> np.ndarray:
    picture = Image.fromarray(block)
    draw = ImageDraw.Draw(picture)
    title, small = ImageFont.load_default(20), ImageFont.load_default(15)
    name = f"{result.data.name} {result.part}"
    draw.text((10, _TITLE / 2), name, _BLACK, title, anchor="lm")
    images = f"{result.listed:,} images"
    draw.text((22 + draw.textlength(name, title), _TITLE / 2), images, _GREY, small, anchor="lm")
    for row, name in enumerate(rows):
        middle = _TITLE + row * (_TILE[0] + _GAP) + _TILE[0] / 2
        draw.text((_MARGIN - 10, middle), name, _BLACK, small, anchor="rm")
    return np.asarray(picture)


def _chosen(result: ScanResult) -> list[int]:
    """The indices of the images to show."""
    kinds = [task.task_type for task in result.tasks]
    labels = {i: sum(k in result.data.samples[i].labels for k in kinds) for i in result.whole}
    most = max(labels.values(), default=0)
    best = [i for i, count in labels.items() if count == most]
    places = np.linspace(0, len(best) - 1, min(_COLUMNS, len(best))).round().astype(int)
    return [best[place] for place in places]


def _tiles(result: ScanResult, index: int) -> list[np.ndarray]:
    """An image, and each of its labels drawn."""
    sample = result.data.samples[index]
    image = read_image(sample.image)
    size = image.shape[:2]
    shrink = min(_TILE[0] / size[0], _TILE[1] / size[1])
    warp = Warp.resize(size, tuple(max(1, round(side * shrink)) for side in size))
    shown = warp.image(image, PADDING)
    tiles = [_tile(shown)]
    for task in result.tasks:
        if task.task_type in sample.labels:
            target = sample.labels[task.task_type].read(size)
            tiles.append(_tile(task.draw(shown, task.warp(target, warp))))
        else:
            tiles.append(_tile(np.full_like(shown, NO_LABEL)))
    return tiles


def _tile(picture: np.ndarray) -> np.ndarray:
    """A picture in the middle of a white tile."""
    tile = np.full((*_TILE, 3), 255, np.uint8)
    top, left = (np.array(_TILE) - picture.shape[:2]) // 2
    tile[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return tile
