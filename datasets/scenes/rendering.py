"""Whether, and how, a run renders its data itself."""

from __future__ import annotations

from utils.option import option
from utils.part import Part


class Rendering(Part):
    """The data that are rendered where they are not there."""

    section = "scenes"

    render_train: int = option(
        0,
        "training images to render when they are not there; 0: the data are real",
        at_least=0,
    )
    render_val: int = option(0, "test images to render", at_least=0, only_with="render_train")
    render_size: tuple[int, ...] = option(
        (120, 160),
        "height and width of the rendered images",
        count=2,
        at_least=1,
        largest=4096,
        only_with="render_train",
    )
    render_seed: int = option(
        0, "of the rendered images", at_least=0, at_most=2**32 - 1, only_with="render_train"
    )
