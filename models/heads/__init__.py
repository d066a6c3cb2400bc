"""Heads: each takes the shared maps and the size of the image, and returns its prediction."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError


def dense_only(arch: str, heads: Mapping[str, DenseHead | BoxHead]) -> None:
    """Refuses tasks with boxes for an architecture that has no head for them."""
    for task, head in heads.items():
        if isinstance(head, BoxHead):
            raise ConfigError(f"arch {arch} has no head for boxes ({task}); VMM has one")
