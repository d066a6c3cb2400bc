"""The potentials that a cfg of the official repository means where it gives none."""

from __future__ import annotations

from engine.options import Comparison, Run
from losses.presets import DistilledLoss
from losses.weighting.achievement import Achievement
from utils.resolve import Resolution

POTENTIAL = (0.6411, 0.8089, 0.8557)


def add_official_potential(result: Resolution, path: str) -> None:
    """Adds the official default of `potential`, of which there are three numbers, to an official
    cfg of three tasks whose loss weighs them by achievement.

    Other losses have no use for it there, and here it would take the place of the baselines. Where
    the loss needs one and the cfg has not three tasks, the official code stops; here the potentials
    are measured, and a notice says so.
    """
    comparison, loss = result.values[Comparison], result.values[Run]["loss"]
    if "potential" in comparison or "baselines" in comparison or loss is None:
        return
    if issubclass(loss.part, DistilledLoss):
        return
    if not issubclass(loss.value("weighting").part, Achievement):
        return
    tasks = len(result.values[Run]["tasks"])
    if tasks == len(POTENTIAL):
        comparison["potential"] = POTENTIAL
    elif tasks > 1:
        result.notices.append(
            f"note: {path}: the official default of potential has {len(POTENTIAL)} numbers, and "
            f"the cfg {tasks} tasks: the potentials are measured on the baselines"
        )
