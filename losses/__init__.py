"""The multi-task losses.

`LOSSES` has every loss by the name of its paper; `build` makes an objective of one:

    objective = build("amtl", ["segmentation", "depth"], {"segmentation": 0.4, "depth": 0.8})
"""

from losses.objective import Objective
from losses.presets import LOSSES, MultiTaskLoss, build

__all__ = ["LOSSES", "MultiTaskLoss", "Objective", "build"]
