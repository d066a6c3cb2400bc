"""Whether all processes train the same network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from losses import Objective
from utils.ranks import Ranks


def check_same(ranks: Ranks, network: nn.Module, objective: Objective) -> None:
    """Compares the weights and the objective's state of all processes.

    Raises:
        RuntimeError: they differ to the last bit: a fault of this program, or of a machine.
    """
    if ranks.size == 1:
        return
    digest = hashlib.sha256()
    for part in _leaves([network.state_dict(), objective.state_dict()]):
        digest.update(part)
    digests = ranks.gather(digest.hexdigest())

    def compare() -> None:
        if others := [rank for rank, other in enumerate(digests) if other != digests[0]]:
            raise RuntimeError(f"the weights of process {others[0]} are not those of process 0")

    ranks.from_first(compare)


def _leaves(state: Any) -> Iterator[bytes]:
    """The values of a nested state as bytes, in their order."""
    if isinstance(state, dict):
        for key, value in state.items():
            yield str(key).encode()
            yield from _leaves(value)
    elif isinstance(state, (list, tuple)):
        for value in state:
            yield from _leaves(value)
    elif isinstance(state, Tensor):
        yield state.detach().cpu().contiguous().numpy().tobytes()
    else:
        yield repr(state).encode()
