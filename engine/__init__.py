"""The experiment: baselines, the multi-task network, its results.

from engine import open_network, predict

network, tasks = open_network("runs/…/best.pt")
prediction = predict(network, tasks, image)
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Loads what a library user wants when it is wanted: `import engine` stays cheap."""
    if name == "open_network":
        from engine.runs.checkpoint import open_network

        return open_network
    if name == "predict":
        from engine.runs.prediction import predict

        return predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
