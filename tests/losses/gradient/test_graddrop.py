"""GradDrop at the features: one mask for all images, from sums over the batch."""

import importlib.util
import math

import pytest
import torch
from torch import nn

import losses
from losses.gradient import AGGREGATORS

TASKS = ("a", "b", "c")


def rule(tasks=TASKS, seed=0, **options):
    return AGGREGATORS["graddrop"](tasks, torch.Generator().manual_seed(seed), **options)


class Maps(nn.Module):
    """Maps of any signs that are parameters, one row an image, and tasks whose gradients there are
    given."""

    place = None

    def __init__(self, maps, gradients):
        super().__init__()
        self.maps = nn.ParameterList(maps)
        self.gradients = gradients

    def losses(self):
        self.features = tuple(level * 1 for level in self.maps)
        return {
            task: sum((f * g).sum() for f, g in zip(self.features, at, strict=True))
            for task, at in self.gradients.items()
        }

    def shared_parameters(self):
        return list(self.maps.parameters())

    def last_shared_parameters(self):
        return []

    def task_parameters(self, task):
        return []


def random_maps(images=4, tasks=TASKS):
    draw = torch.Generator().manual_seed(1)
    shapes = [(images, 2, 3, 5), (images, 4, 1, 2)]
    maps = [torch.randn(shape, generator=draw) for shape in shapes]
    gradients = {task: [torch.randn(s, generator=draw) for s in shapes] for task in tasks}
    return Maps(maps, gradients)


def updates(model, seed=0, **options):
    objective = losses.build("graddrop", list(model.gradients), options=options, seed=seed)
    model.zero_grad(set_to_none=True)
    objective.backward(model.losses(), model, tuple(model.gradients))
    return [level.grad for level in model.maps]


def brute_force(model, draws, leaks):
    """The update, image by image and position by position; `draws` holds U of each position."""
    result = [torch.zeros_like(level) for level in model.maps]
    for k, level in enumerate(model.maps):
        activations = level.detach().flatten(1)
        at = [g[k].flatten(1) for g in model.gradients.values()]
        for position in range(activations.shape[1]):
            sums = [
                sum(math.copysign(1, a) * float(g) for a, g in zip(*pair, strict=True))
                for pair in ((activations[:, position], g[:, position]) for g in at)
            ]
            purity = 0.5 * (1 + sum(sums) / sum(map(abs, sums)))
            u = next(draws)
            for leak, total, g in zip(leaks, sums, at, strict=True):
                kept = (purity > u and total > 0) or (purity < u and total < 0)
                result[k].flatten(1)[:, position] += (leak + (1 - leak) * kept) * g[:, position]
    return result


@pytest.mark.parametrize("leak", [(0.0,), (0.25,), (0.1, 1.0, 0.5)])
def test_is_the_paper_s_procedure_position_by_position(leak, monkeypatch):
    model = random_maps()
    count = sum(level[0].numel() for level in model.maps)
    numbers = torch.rand(count, generator=torch.Generator().manual_seed(3))

    def uniform(tensor, low, high, generator):
        return tensor.copy_(low + (high - low) * numbers)

    monkeypatch.setattr(torch.Tensor, "uniform_", uniform)
    expected = brute_force(model, iter(numbers.tolist()), leak * 3 if len(leak) == 1 else leak)
    for update, level in zip(updates(model, leak=leak), expected, strict=True):
        torch.testing.assert_close(update, level)


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_memory_layout_changes_nothing(channels_last):
    model = random_maps()
    plain = updates(model)
    if channels_last:
        model.to(memory_format=torch.channels_last)
    for update, expected in zip(updates(model), plain, strict=True):
        torch.testing.assert_close(update, expected)


def test_a_task_s_gradient_is_kept_for_all_images_or_for_none():
    model = random_maps()
    alone = {task: model.gradients[task][0] for task in TASKS}
    update = updates(model)[0]
    kinds = set()
    for position in range(update[0].numel()):
        rows = [alone[task].flatten(1)[:, position] for task in TASKS]
        fits = [
            kept
            for kept in range(8)
            if torch.allclose(
                update.flatten(1)[:, position],
                sum(row * bool(kept & 1 << t) for t, row in enumerate(rows)),
                atol=1e-6,
            )
        ]
        assert len(fits) == 1
        kinds |= set(fits)
    assert len(kinds) > 3


def test_the_positive_ones_are_kept_as_often_as_their_purity_says():
    sums = torch.tensor([[3.0], [-1.0]]).expand(2, 20000)
    factors = rule().factors(sums, [0, 1])
    assert set(map(tuple, factors.T.tolist())) == {(1.0, 0.0), (0.0, 1.0)}
    assert factors[0].mean() == pytest.approx(0.75, abs=0.02)


def test_where_all_signs_agree_nothing_is_dropped_and_without_a_gradient_all_is():
    sums = torch.tensor([[1.0, -1.0, 1e-30, 0.0], [2.0, -3.0, 2e-30, 0.0]])
    for seed in range(10):
        assert rule(seed=seed).factors(sums, [0, 1]).tolist() == [[1.0, 1.0, 1.0, 0.0]] * 2


def test_the_leaks_are_those_of_the_active_tasks():
    sums = torch.tensor([[1.0] * 50, [-1.0] * 50])
    factors = rule(leak=(0.25, 0.5, 0.75)).factors(sums, [0, 2])
    assert set(map(tuple, factors.T.tolist())) == {(1.0, 0.75), (0.25, 1.0)}


@pytest.mark.skipif(not importlib.util.find_spec("torchjd"), reason="needs torchjd")
def test_a_batch_of_one_agrees_with_torchjd():
    """Which drops element by element: the same updates, as often, where activations are above 0."""
    from torchjd.aggregation import GradDrop

    model = random_maps(images=1, tasks=("a", "b"))
    with torch.no_grad():
        for level in model.maps:
            level.abs_()
    matrix = torch.stack([torch.cat([g.flatten() for g in at]) for at in model.gradients.values()])
    aggregator, rounds = GradDrop(leak=torch.tensor([0.25, 0.25])), 400

    def outcomes(draw):
        return torch.stack([draw(seed) for seed in range(rounds)])

    def ours(seed):
        return torch.cat([level.flatten() for level in updates(model, seed, leak=(0.25,))])

    def theirs(seed):
        torch.manual_seed(seed)
        return aggregator(matrix)

    ours, theirs = outcomes(ours), outcomes(theirs)
    for side in ("amin", "amax"):
        torch.testing.assert_close(getattr(ours, side)(dim=0), getattr(theirs, side)(dim=0))
    spread = ours.amax(dim=0) - ours.amin(dim=0)
    assert ((ours.mean(dim=0) - theirs.mean(dim=0)).abs() <= 0.16 * spread + 1e-6).all()


def test_the_same_seed_drops_the_same():
    sums = torch.randn(2, 50)
    assert torch.equal(rule(seed=1).factors(sums, [0, 1]), rule(seed=1).factors(sums, [0, 1]))
    assert not torch.equal(rule(seed=1).factors(sums, [0, 1]), rule(seed=2).factors(sums, [0, 1]))
