"""Labelled scenes of furnished rooms, rendered with numpy and exact by construction.

`render` draws one; `write` stores many of them in the layouts of real datasets (`LAYOUTS`).
"""

from datasets.scenes.classes import CLASSES
from datasets.scenes.layouts import LAYOUTS
from datasets.scenes.scene import Scene, render
from datasets.scenes.storing import write

__all__ = ["CLASSES", "LAYOUTS", "Scene", "render", "write"]
