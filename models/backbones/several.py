"""Several backbones of one kind in one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn
from torch.nn import Parameter

from models.backbones.base import Backbone
from models.backbones.segment import Segment


class SeveralBackbones(nn.Module):
    """What the tasks share of several backbones of one kind, as the backbone of a network.

    Args:
        backbones: all of them, as they were built.
        modules: the whole backbones, or their segments, that several tasks reach, by name.
        others: those that belong to one task alone, which stand in the heads.
    """

    def __init__(
        self,
        backbones: Sequence[Backbone],
        modules: Mapping[str, nn.Module],
        others: Sequence[nn.Module] = (),
    ):
        super().__init__()
        first = backbones[0]
        self.name, self.strides, self.multiple = first.name, first.strides, first.multiple
        self.levels, self.map_of = first.levels, first.map_of
        self.normalise, self.normalisation = first.normalise, first.normalisation
        self.shared = nn.ModuleDict(modules)
        # Not registered: the modules are the heads', and the parameters those of all modules.
        self.others = list(others)
        each = zip(*(backbone.layers() for backbone in backbones), strict=True)
        self._layers = [[p for parameters in layer for p in parameters] for layer in each]

    def layers(self) -> list[list[Parameter]]:
        return self._layers

    def everywhere(self) -> list[nn.Module]:
        return [self, *self.others]

    def recompute(self) -> None:
        for module in self.everywhere():
            for part in module.modules():
                if isinstance(part, (Backbone, Segment)):
                    part.recompute()
