"""How the images of a network are normalised."""

from __future__ import annotations

from typing import NamedTuple

Colour = tuple[float, float, float]


class Normalisation(NamedTuple):
    """The mean and the standard deviation of RGB in [0, 1]: an image is normalised to
    (image − mean) / std."""

    mean: Colour
    std: Colour

    @property
    def padding(self) -> tuple[int, int, int]:
        """The colour, RGB in 0 to 255, that is nearest to 0 when it is normalised."""
        return tuple(round(255 * value) for value in self.mean)


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The statistics of ImageNet, which most published weights were trained with."""

IDENTITY = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Images as they are, in [0, 1]."""

HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""To [-1, 1]."""
