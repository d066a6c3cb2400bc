"""Feature pyramids by name. Each is built from (channels, levels, activation), takes the levels as
a list of maps with `channels` channels, finest first, and returns such a list."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from models.necks.bifpn import BiFPN
from models.necks.fpn import FPN
from models.necks.triv2_bifpn import TriV2BiFPN
from utils.errors import ConfigError
from utils.option import nearest

NECKS: dict[str, Callable[..., nn.Module]] = {
    "triv2-bifpn": TriV2BiFPN,
    "fpn": FPN,
    "bifpn": BiFPN,
}


def neck_layer(name: str) -> Callable[..., nn.Module]:
    """The class of a neck's layer. Raises ConfigError for a name that there is not."""
    if name not in NECKS:
        raise ConfigError(f"unknown neck '{name}'{nearest(name, NECKS)}")
    return NECKS[name]
