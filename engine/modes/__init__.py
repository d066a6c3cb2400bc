"""The modes of `train_test.py`: each declares its own options, and runs a cfg."""

from engine.modes.base import Mode
from engine.modes.baselines import TrainBaselines
from engine.modes.check import Check
from engine.modes.export import Export
from engine.modes.predict import Predict
from engine.modes.report import Report
from engine.modes.search import Search
from engine.modes.summary import Summary
from engine.modes.sweep import Sweep
from engine.modes.test import Test
from engine.modes.train import Train
from utils.part import Registry

__all__ = ["MODES", "Mode"]

MODES = Registry(
    "mode",
    {
        "train": Train,
        "baselines": TrainBaselines,
        "sweep": Sweep,
        "search": Search,
        "report": Report,
        "test": Test,
        "predict": Predict,
        "export": Export,
        "check": Check,
        "summary": Summary,
    },
)
"""Every mode by its name on the command line."""
