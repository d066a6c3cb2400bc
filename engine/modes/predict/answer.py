"""What is known of one image on its way from its file to the files of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.runs.prediction import NetworkInput

if TYPE_CHECKING:
    from engine.modes.predict.outputs import OutputFile


@dataclass
class Answer:
    """An image, and once the network has seen it, what it says.

    Attributes:
        source: the image as the user would name it.
        name: of its outputs, below their folders and without an ending.
        file_name: as a label names the image.
        files: what is to be written of it.
        there: the paths of its files that are there already, and stay.
        input: as the network takes it; None where there is nothing to predict.
        image: (H, W, 3) uint8 RGB; None where nothing is drawn.
        predictions: by task name, at the size of the image.
        shown: the same, without what is not confident enough to be shown.
        failure: why the image could not be read.
    """

    source: str
    name: str
    file_name: str
    files: Sequence[OutputFile] = ()
    there: Sequence[Path] = ()
    input: NetworkInput | None = None
    image: np.ndarray | None = None
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    shown: dict[str, np.ndarray] = field(default_factory=dict)
    failure: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.input.size
