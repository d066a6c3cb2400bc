"""The multi-task losses.

`LOSSES` has every loss by the name of its paper. The parts of a loss are chosen by name as well:

    loss = LOSSES.choose("amtl", {"margin": 0.1}).build()
    objective = loss.objective(["segmentation", "depth"], potential={...})
"""

from losses.objective import Objective
from losses.presets import LOSSES, MultiTaskLoss

__all__ = ["LOSSES", "MultiTaskLoss", "Objective"]
