"""The layers of feature pyramids, by name.

Each is a :class:`models.layers.ModulePart` that is built from (channels, levels, activation,
block), takes the list of the levels' maps, of `channels` channels each and finest first, and
returns such a list. `block` is the :data:`models.layers.Block` that the architecture prefers; a
neck whose paper says which convolutions it has does without.
"""

from __future__ import annotations

from models.necks.bifpn import BiFPN
from models.necks.fpn import FPN
from models.necks.triv2_bifpn import TriV2BiFPN
from utils.part import Registry

NECKS = Registry("neck", {"triv2-bifpn": TriV2BiFPN, "fpn": FPN, "bifpn": BiFPN})
"""Every layer of a feature pyramid, by its name in a cfg."""
