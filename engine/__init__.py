"""The experiment: baselines, the multi-task network, its results.

from engine import open_network

network, tasks = open_network("runs/…/best.pt")
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Loads what a library user wants when it is wanted: `import engine` stays cheap."""
    if name == "open_network":
        from engine.runs.checkpoint import open_network

        return open_network
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
