"""The multi-task losses: `build` makes one by its name, `methods` lists them with their options."""

from losses.objective import Objective
from losses.options import Option
from losses.presets import PRESETS, build, methods, options_of

__all__ = ["PRESETS", "Objective", "Option", "build", "methods", "options_of"]
