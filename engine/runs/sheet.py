"""Sheets: an image and beside it pictures of its tasks, with titles and legends."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.formats.images import PADDING
from tasks import Task
from tasks.legend import Scale, Swatches
from utils.geometry import Warp

_NARROWEST, _WIDEST = 320, 960  # pixels of a picture on the sheet
_MOST_IN_A_ROW = 4
_GAP = 8
_TITLE = 26
_LINE = 20  # of a legend
_LINES = 4
_LEGEND = _LINES * _LINE + 6
_BLACK, _GREY = (20, 20, 20), (110, 110, 110)


def draw_sheet(
    image: np.ndarray, tasks: Sequence[Task], predictions: Mapping[str, np.ndarray]
) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the image, and each task's picture of it above a legend. How large the
    sheet is depends on the size of the image and the number of tasks alone.

    Args:
        image: (h, w, 3) uint8 RGB.
        predictions: by task name, decoded predictions at the size of the image.
    """
    warp = display_warp(image.shape[:2])
    shown = warp.image(image, PADDING)
    tiles = [tile("image", shown)]
    for task in tasks:
        moved = task.warp(predictions[task.name], warp)
        tiles.append(tile(task.name, task.draw(shown, moved), task.legend(moved)))
    return grid(_in_rows(tiles))


def display_warp(size: tuple[int, int]) -> Warp:
    """The map of an image of this (height, width) to the size in which it is shown: small ones are
    enlarged, so that names have room beside boxes, and large ones shrunk."""
    width = min(max(size[1], _NARROWEST), _WIDEST)
    return Warp.resize(size, (max(1, round(size[0] * width / size[1])), width))


def grid(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """(H, W, 3) uint8: rows of tiles of one size; the last row may be shorter."""
    columns = max(map(len, rows))
    height, width = rows[0][0].shape[:2]
    shape = (len(rows) * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3)
    sheet = np.full(shape, 255, np.uint8)
    for row, tiles in enumerate(rows):
        for column, picture in enumerate(tiles):
            top, left = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def tile(title: str, picture: np.ndarray, legend: Swatches | Scale | None = None) -> np.ndarray:
    """A picture below a title and above its legend: (h + a constant, w, 3) uint8 RGB."""
    height, width = picture.shape[:2]
    whole = Image.new("RGB", (width, _TITLE + height + _LEGEND), "white")
    whole.paste(Image.fromarray(np.ascontiguousarray(picture)), (0, _TITLE))
    draw = ImageDraw.Draw(whole)
    draw.text((2, _TITLE / 2), title, _BLACK, _font(16), anchor="lm")
    top = _TITLE + height + 6
    match legend:
        case Swatches():
            _draw_swatches(draw, legend, top, width)
        case Scale():
            _draw_scale(whole, draw, legend, top)
    return np.asarray(whole)


def _in_rows(tiles: Sequence[np.ndarray]) -> list[Sequence[np.ndarray]]:
    """The tiles in as few rows as hold them, about equally many in each."""
    rows = -(-len(tiles) // _MOST_IN_A_ROW)
    columns = -(-len(tiles) // rows)
    return [tiles[first : first + columns] for first in range(0, len(tiles), columns)]


def _draw_swatches(draw: ImageDraw.ImageDraw, legend: Swatches, top: int, width: int) -> None:
    """Names in lines; where there is no room for all, the last word says how many are left."""
    font, x, line = _font(13), 2, 0
    more = draw.textlength("+ 999", font)
    for number, (name, colour) in enumerate(legend.entries):
        name = _shortened(draw, name, width - 24 - more)
        needed = 20 + draw.textlength(name, font)
        room = width - (more if line == _LINES - 1 else 0)
        if x > 2 and x + needed > room:
            if line == _LINES - 1:
                place = (x, top + line * _LINE + 8)
                draw.text(place, f"+ {len(legend.entries) - number}", _GREY, font, anchor="lm")
                return
            x, line = 2, line + 1
        y = top + line * _LINE
        draw.rectangle((x, y + 2, x + 12, y + 14), fill=colour, outline=_GREY)
        draw.text((x + 17, y + 8), name, _BLACK, font, anchor="lm")
        x += needed + 12


def _shortened(draw: ImageDraw.ImageDraw, name: str, width: float) -> str:
    if draw.textlength(name, _font(13)) <= width:
        return name
    while name and draw.textlength(f"{name}…", _font(13)) > width:
        name = name[:-1]
    return f"{name}…"


def _draw_scale(whole: Image.Image, draw: ImageDraw.ImageDraw, legend: Scale, top: int) -> None:
    width = whole.width - 4
    bar = Image.fromarray(np.ascontiguousarray(legend.colours[None])).resize((width, _LINE - 4))
    whole.paste(bar, (2, top))
    for share, text in legend.ticks:
        anchor = "la" if share == 0 else "ra" if share == 1 else "ma"
        place = (2 + share * width, top + _LINE)
        draw.text(place, text, _BLACK, _font(13), anchor=anchor)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
