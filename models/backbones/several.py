"""Several backbones of one kind in one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from models.backbones.base import Backbone, Segment


class SeveralBackbones(nn.Module):
    """What the tasks share of several backbones of one kind, as the backbone of a network.

    Args:
        first: one of them, for what all have in common.
        modules: the whole backbones, or their segments, that several tasks reach, by name.
        others: those that belong to one task alone, which stand in the heads.
    """

    def __init__(
        self, first: Backbone, modules: Mapping[str, nn.Module], others: Sequence[nn.Module] = ()
    ):
        super().__init__()
        self.name, self.strides, self.multiple = first.name, first.strides, first.multiple
        self.normalise, self.normalisation = first.normalise, first.normalisation
        self.shared = nn.ModuleDict(modules)
        self.others = list(others)  # not registered: they are modules of the heads

    def everywhere(self) -> list[nn.Module]:
        return [self, *self.others]

    def recompute(self) -> None:
        for module in self.everywhere():
            for part in module.modules():
                if isinstance(part, (Backbone, Segment)):
                    part.recompute()
