"""The backbone of an architecture that has an encoder of its own."""

from __future__ import annotations

from collections.abc import Sequence

from models.backbones.base import Backbone, check_size
from utils.errors import ConfigError


class NoBackbone(Backbone):
    """No backbone, for an architecture with an encoder of its own such as SegNet (Badrinarayanan et
    al., TPAMI 2017). It has no weights; images are normalised as `normalise` says."""

    channels = ()
    strides = (1,)

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        output_stride: int | None = None,
        out_indices: Sequence[int] | None = None,
        **options: str,
    ):
        super().__init__(**options)
        self.name, self.size = name, size
        if self.pretrained not in ("true", "false"):
            raise ConfigError(
                f"there is no backbone that {self.pretrained} could be the weights of", "pretrained"
            )

    def require_multiple(self, multiple: int) -> None:
        """Refuses images whose sides are no multiples of a number.

        Raises:
            ConfigError: names the nearest sizes that would do.
        """
        self.multiple = multiple
        check_size(self.size, multiple)

    def forward(self, images):
        return []
