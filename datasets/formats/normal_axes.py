"""The conventions of what the components of normals point to."""

from __future__ import annotations

import numpy as np

from utils.errors import ConfigError

_TARGET = {
    "right": (1, 0, 0), "left": (-1, 0, 0),
    "down": (0, 1, 0), "up": (0, -1, 0),
    "forward": (0, 0, 1), "back": (0, 0, -1),
}  # fmt: skip
"""The directions in the axes of the targets, which point right, down and forward as OpenCV's."""

AS_STORED = "as stored, x to the right"
"""What is decided where nothing is said of axes."""


def parse_axes(words: tuple[str, ...], key: str) -> np.ndarray:
    """(3, 3) float32 that turns stored vectors to the axes of the targets.

    Args:
        words: what each component points to, such as ('right', 'up', 'back').
        key: the key of a cfg that gives the words.

    Raises:
        ConfigError: they are not one word of each axis.
    """
    columns = [_TARGET.get(word, (0, 0, 0)) for word in words]
    turn = np.array(columns, np.float32).T
    if turn.shape != (3, 3) or (np.abs(turn).sum(axis=1) != 1).any():
        raise ConfigError(
            f"{key} wants what each of the three components points to, one of right and left, one "
            f"of up and down, one of forward and back, as in `{key} = right up back`, not "
            f"'{' '.join(words)}'",
            key,
        )
    return turn
