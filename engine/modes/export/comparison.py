"""Whether a file gives what the network gives."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.modes.export.formats import Run
from engine.modes.export.program import ExportedNetwork
from utils.errors import UserError

_TOLERANCE = 1e-3  # of the largest number in an output


@torch.no_grad()
def compare(run: Run, exported: ExportedNetwork, batches: Mapping[str, Tensor]) -> list[str]:
    """Runs a file and its network on the same images.

    Args:
        batches: images (B, 3, H, W), by what they are.

    Returns:
        a line for each batch: the largest difference, and the output that has it.

    Raises:
        UserError: they differ by more than a thousandth of the largest number of an output.
    """
    lines = []
    for name, images in batches.items():
        difference, output = largest_difference(exported.outputs(images), run(images))
        if not difference <= _TOLERANCE:  # which not-a-number is not either
            raise UserError(
                f"the file does not give what the network gives: on {name}, {output} differs by "
                f"{difference:.1e} of its largest number; it was not kept"
            )
        lines.append(f"{name}: the largest difference is {difference:.0e} ({output})")
    return lines


def largest_difference(wanted: Mapping[str, Tensor], given: list[Tensor]) -> tuple[float, str]:
    """The largest difference between two lists of outputs, as a share of the largest number of the
    output, and the name of that output."""
    differences = {}
    for (name, output), other in zip(wanted.items(), given, strict=True):
        largest = output.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
        differences[name] = ((output - other).abs().max() / largest).nan_to_num(torch.inf).item()
    worst = max(differences, key=differences.get)
    return differences[worst], worst
