"""Selective task group updates: tasks that help one another are updated together, in turns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from losses.objective import Objective
from utils.errors import ConfigError


class TaskGroups:
    """Splits every batch's step into one step a group, and learns the groups from what each step
    does to the losses (Jeong and Yoon, ICLR 2025, Algorithm 1).

    The groups are updated one after another in random order, each with a forward pass of its own.
    The step of a group G changes the losses of all tasks: its *proximal inter-task affinity* of
    source i in G on target j is

        a_j = (1 - L_j after / L_j before) / |G|

    for two different tasks of G with a_i and a_j of opposite sign, -max(a_i, a_j) instead; and a_i
    on itself counts only where it is not negative. "After" is what the next group's forward pass
    sees, or one more at the end of the batch. The affinities are tracked as an exponential average.

    The first batches have one group a task. From then on, the affinities' matrix, its columns
    divided by its diagonal and made symmetric, is clustered by Affinity Propagation before every
    batch; where that finds nothing, the old groups stay. A single group is updated twice.

    Args:
        tasks: the names of all T tasks, in order.
        generator: what the order of the groups is drawn from; the objective's generator.
        affinity_decay: share of the newest affinity in the running one, in (0, 1].
        first_batches: batches in which every task is a group of its own.

    Raises:
        ConfigError: scikit-learn is not installed.

    Attributes:
        affinity: (T, T) float64, of source (row) on target (column).
        groups: the groups of the batch at hand, as indices of tasks.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        generator: torch.Generator,
        affinity_decay: float,
        first_batches: int,
    ):
        try:
            from sklearn.cluster import AffinityPropagation
        except ImportError as error:
            raise ConfigError(
                "sel-update clusters with scikit-learn, which is not installed; pip install"
                " scikit-learn"
            ) from error
        self._clustering = AffinityPropagation
        self.generator = generator
        self.decay = affinity_decay
        self.first_batches = first_batches
        self.affinity = np.zeros((len(tasks), len(tasks)))
        self.groups = [[t] for t in range(len(tasks))]
        self.batches = 0
        self._stepped: list[int] = []  # the group that was updated last
        self._before: dict[int, float] = {}  # the losses that its step started from

    def order(self) -> list[list[int]]:
        """The groups of the next batch, in the order of their updates."""
        if self.batches >= self.first_batches:
            self._regroup()
        self.batches += 1
        order = torch.randperm(len(self.groups), generator=self.generator).tolist()
        again = len(order) == 1 and len(self.affinity) > 1  # so that its effect shows
        return [self.groups[k] for k in order] * (2 if again else 1)

    def observe(self, losses: dict[int, float], stepping: Sequence[int]) -> None:
        """To be called with the losses of a forward pass, and the tasks (of the active ones)
        that are updated from it; none at the end of a batch."""
        if self._stepped:
            self._learn(losses)
        self._stepped, self._before = list(stepping), losses

    def _learn(self, after: dict[int, float]) -> None:
        group, before = self._stepped, self._before
        fallen = {
            t: (1 - after[t] / before[t]) / len(group)
            for t in before
            if t in after and before[t] > 0 and np.isfinite(after[t] / before[t])
        }
        for source in group:
            for target, effect in fallen.items():
                mine = fallen.get(source)
                if target in group and (mine is None or (source == target and effect < 0)):
                    continue
                if target in group and mine * effect < 0:
                    effect = -max(mine, effect)
                self.affinity[source, target] += self.decay * (
                    effect - self.affinity[source, target]
                )

    def _regroup(self) -> None:
        mine = np.diag(self.affinity)
        if len(mine) == 1 or not (mine > 0).all():
            return  # nothing to divide, or to divide by: a task has not gained from its own steps
        similarity = self.affinity / mine
        similarity = (similarity + similarity.T) / 2
        for iterations in (200, 800, 3200):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns where it finds nothing: we look
                result = self._clustering(
                    affinity="precomputed",
                    max_iter=iterations,
                    convergence_iter=50,
                    random_state=0,
                ).fit(similarity)
            if result.n_iter_ < iterations and (result.labels_ >= 0).all():
                self.groups = [
                    np.flatnonzero(result.labels_ == label).tolist()
                    for label in np.unique(result.labels_)
                ]
                return

    def state_dict(self) -> dict[str, Any]:
        return {
            "affinity": torch.from_numpy(self.affinity.copy()),
            "groups": self.groups,
            "batches": self.batches,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.affinity = state["affinity"].cpu().numpy().copy()
        self.groups = state["groups"]
        self.batches = state["batches"]


class GroupedObjective(Objective):
    """An objective whose tasks are updated in groups, a step a group.

    Args:
        plain: the objective of all tasks together, whose parts are used.
        groups: the groups, which learn from the losses before and after each step.
    """

    def __init__(self, plain: Objective, groups: TaskGroups):
        super().__init__(
            plain.tasks,
            plain.weighting,
            plain.mean,
            plain.aggregation,
            plain.generator,
            plain.ranks,
        )
        self.task_groups = groups

    @property
    def affinity(self):
        return torch.from_numpy(self.task_groups.affinity.copy())

    @property
    def grouping(self):
        return [tuple(self._names(group)) for group in self.task_groups.groups]

    def groups(self):
        return [tuple(self._names(group)) for group in self.task_groups.order()]

    def backward(self, losses, model, group, scale=1.0):
        self.task_groups.observe(self._numbers(losses), self.active(losses, group))
        super().backward(losses, model, group, scale)

    def backward_in_parts(self, parts, model, group, scale=1.0):
        losses = super().backward_in_parts(parts, model, group, scale)
        self.task_groups.observe(self._numbers(losses), self.active(losses, group))
        return losses

    def after_step(self, losses):
        with torch.no_grad():
            self.task_groups.observe(self._numbers(losses()), [])

    def state_dict(self):
        return super().state_dict() | {"groups": self.task_groups.state_dict()}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.task_groups.load_state_dict(state["groups"])

    def _numbers(self, losses: dict[str, Tensor]) -> dict[int, float]:
        """The losses by the indices of the active tasks."""
        active = self.active(losses, self.tasks)
        if not active:
            return {}
        values = torch.stack([losses[self.tasks[t]].detach() for t in active]).tolist()
        return dict(zip(active, values, strict=True))
