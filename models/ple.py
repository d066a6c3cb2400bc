"""Progressive layered extraction."""

from __future__ import annotations

import itertools

from torch import nn

from models.backbones.several import SeveralBackbones
from models.cgc import CGC
from models.gates import IMAGE_CELLS, Gate, mixed
from models.soft_sharing import Branch, SoftNetwork

STAGES = (-5, -4, -3, -2, -1)
"""The features at which experts are cut: behind the stem and behind each of four stages."""


class PLE(CGC):
    """Experts as in CGC, whose features are mixed behind the stem and behind each stage: for each
    task, from the shared experts and its own; and for the shared experts, from all (Tang et al.,
    RecSys 2020, section 4.2)."""

    def network(self, make_backbone, heads):
        stride = self.backbone_stride
        first = make_backbone(stride, STAGES)
        shared = [first, *(make_backbone(stride, STAGES) for _ in range(self.experts - 1))]
        task_experts = {
            task: [make_backbone(stride, STAGES) for _ in range(self.own_experts)] for task in heads
        }
        segments = {
            task: [b.segments() for b in backbones] for task, backbones in task_experts.items()
        }
        inputs, total = (3, *first.channels[:-1]), self.experts + self.own_experts
        branches = {
            task: Branch(
                decoder,
                gates=nn.ModuleList(Gate(channels, total) for channels in inputs[-2:]),
                experts=nn.ModuleList(stages[-1] for stages in segments[task]),
            )
            for task, decoder in self.decoders(first, heads).items()
        }
        everyone = self.experts + len(heads) * self.own_experts
        parts = {f"shared {n}": nn.ModuleList(b.segments()) for n, b in enumerate(shared)}
        parts |= {
            f"{task} {n}": nn.ModuleList(stages[:-1])
            for task, experts in segments.items()
            for n, stages in enumerate(experts)
        }
        last = [expert for branch in branches.values() for expert in branch.experts]
        return PLENetwork(
            SeveralBackbones([*shared, *itertools.chain(*task_experts.values())], parts, last),
            Gates(list(heads), inputs, total, everyone),
            branches,
            last_shared=[],
        )


class Gates(nn.Module):
    """The gates that several tasks reach.

    Args:
        tasks: their names.
        inputs: channels of what each level reads.
        experts: of a task, with the shared ones.
        everyone: the number of all experts.
    """

    def __init__(self, tasks: list[str], inputs: tuple[int, ...], experts: int, everyone: int):
        super().__init__()
        cells = (IMAGE_CELLS, *[1] * (len(inputs) - 1))
        levels = list(zip(inputs, cells, strict=True))
        self.shared = nn.ModuleList(Gate(c, everyone, side) for c, side in levels[:-1])
        self.tasks = nn.ModuleDict(
            {
                task: nn.ModuleList(Gate(c, experts, side) for c, side in levels[:-2])
                for task in tasks
            }
        )


class PLENetwork(SoftNetwork):
    """A task's gates of the last two levels and its experts of the last level belong to it alone:
    the shared experts of the next level, by which it would reach other tasks, do not read them."""

    def shared_maps(self, images):
        tasks = list(self.heads)
        shared, task_experts = self._experts()
        common, inputs = images, dict.fromkeys(tasks, images)
        levels: dict[str, list] = {task: [] for task in tasks}
        for number, gate in enumerate(self.neck.shared):
            shared_outputs = [expert[number](common) for expert in shared]
            task_outputs = {
                t: [expert[number](inputs[t]) for expert in task_experts[t]] for t in tasks
            }
            for task, gates in self.neck.tasks.items():
                if number < len(gates):
                    weights = gates[number](inputs[task])
                    inputs[task] = mixed(weights, [*shared_outputs, *task_outputs[task]])
                    levels[task].append(inputs[task])
            everyone = [*shared_outputs, *(x for task in tasks for x in task_outputs[task])]
            common = mixed(gate(common), everyone)
        last = [expert[-1](common) for expert in shared]
        of_tasks = (x for task in tasks for x in (*levels[task], *task_outputs[task]))
        return [*shared_outputs, *last, *of_tasks]

    def task_features(self, task, maps, images):
        branch, experts = self.heads[task], len(self._experts()[0])
        shared_outputs, last, rest = (
            maps[:experts],
            maps[experts : 2 * experts],
            maps[2 * experts :],
        )
        length = len(rest) // len(self.heads)
        start = length * list(self.heads).index(task)
        levels = len(self.neck.tasks[task])
        lower, task_outputs = rest[start : start + levels], rest[start + levels : start + length]
        before = mixed(branch.gates[0](lower[-1]), [*shared_outputs, *task_outputs])
        task_last = [expert(before) for expert in branch.experts]
        final = mixed(branch.gates[1](before), [*last, *task_last])
        return [self.backbone.map_of(x) for x in (*lower, before, final)]

    def _experts(self) -> tuple[list[nn.Module], dict[str, list[nn.Module]]]:
        """The stages of each shared expert, and of each task's own but for the last."""
        experts = self.backbone.shared
        shared = [stages for name, stages in experts.items() if name.startswith("shared ")]
        return shared, {
            task: [stages for name, stages in experts.items() if name.startswith(f"{task} ")]
            for task in self.heads
        }
