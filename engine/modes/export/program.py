"""A network as a program of `torch.export`, for more sizes than one where it allows them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from models.backbones.base import SMALLEST
from tasks import Task
from utils.errors import UserError

INPUT = "images"

_LEAST = 2  # cells of every map along an axis: PyTorch takes an axis of one cell for a fixed one


class ExportedNetwork(nn.Module):
    """A network whose predictions are tensors that can be used without this program."""

    def __init__(self, network: nn.Module, tasks: Sequence[Task]):
        super().__init__()
        self.network = network
        self.tasks = list(tasks)
        for module in network.modules():
            if getattr(module, "inplace", False):  # which takes the exporters twice as long
                module.inplace = False

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name; see `Task.export`."""
        predictions = self.network(images)
        return {
            name: tensor
            for task in self.tasks
            for name, tensor in task.export(predictions[task.name]).items()
        }

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.outputs(images).values())


@dataclass(frozen=True)
class Sizes:
    """The sizes of image that a program takes.

    Attributes:
        multiple: height and width are multiples of this number of pixels; None: one size alone.
        least: the least height and width in pixels.
    """

    multiple: int | None
    least: int = 0

    def __str__(self) -> str:
        if self.multiple is None:
            return "this size alone"
        return f"any height and width that are multiples of {self.multiple}, from {self.least} on"

    def another(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Another one than `size`, to compare on: with an odd and an even number of multiples more,
        since the levels of a pyramid round odd ones up. None where there is none."""
        if self.multiple is None:
            return None
        return size[0] + self.multiple, size[1] + 2 * self.multiple


def trace(exported: ExportedNetwork, images: Tensor) -> tuple[ExportedProgram, Sizes]:
    """The program of a network for any number of images; for the sizes that are multiples of its
    stride, if it gives there what the network gives, else for the size of `images`.

    Raises:
        UserError: PyTorch cannot export the network; says why.
    """
    multiple = math.lcm(SMALLEST, exported.network.backbone.multiple)
    sizes = Sizes(multiple, _LEAST * max(multiple, exported.network.coarsest_stride))
    size = images.shape[-2:]
    if all(side % multiple == 0 and side >= sizes.least for side in size):
        with contextlib.suppress(Exception):  # of many kinds: it depends on what fixes the size
            program = _program(exported, images, sizes)
            _check_other_size(program, exported, sizes.another(size))
            return program, sizes
    try:
        return _program(exported, images), Sizes(None)
    except Exception as reason:  # likewise
        first = next(iter(str(reason).strip().splitlines()), type(reason).__name__)
        raise UserError(f"the network cannot be exported: {first}") from None


def _program(
    exported: ExportedNetwork, images: Tensor, sizes: Sizes | None = None
) -> ExportedProgram:
    axes = {0: Dim("batch")}
    if sizes:
        least = sizes.least // sizes.multiple
        axes |= {2: sizes.multiple * Dim("rows", min=least)}
        axes |= {3: sizes.multiple * Dim("columns", min=least)}
    program = torch.export.export(exported.eval(), (images,), dynamic_shapes=(axes,))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names the files of this machine
    return program


@torch.no_grad()
def _check_other_size(
    program: ExportedProgram, exported: ExportedNetwork, size: tuple[int, int]
) -> None:
    """Checks that a program gives for images of `size` what the network gives.

    Raises:
        Exception: it does not, or takes no such images.
    """
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    for given, wanted in zip(program.module()(images), exported(images), strict=True):
        torch.testing.assert_close(given, wanted, rtol=1e-3, atol=1e-4)
