"""What runs the jobs of a sweep: this machine, or a cluster."""

from engine.modes.sweep.engines.base import Engine
from engine.modes.sweep.engines.local import Local
from engine.modes.sweep.engines.on_ray import OnRay
from engine.modes.sweep.engines.slurm import Slurm
from utils.part import Registry

__all__ = ["ENGINES", "Engine"]

ENGINES = Registry("engine", {"local": Local, "ray": OnRay, "slurm": Slurm})
"""Every engine by its name on the command line."""
