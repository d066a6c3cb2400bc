"""uw, imtl-l and famo: the formulas, by autograd and by TorchJD."""

import pytest
import torch

import losses

TASKS = ("a", "b", "c")


def weights_over_time(name, rows, lr, present=(0, 1, 2)):
    """The weights of each step with these losses."""
    weighting = losses.build(name, TASKS, options={"weight_lr": lr}).weighting
    return torch.stack([weighting.weights(present, row) for row in rows])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("uw", lambda loss, s: (0.5 * (-s).exp() * loss + 0.5 * s).sum()),
        ("imtl", lambda loss, s: (s.exp() * loss - s).sum()),
    ],
)
def test_the_weights_and_what_is_learned_are_the_derivatives_of_the_paper_s_sum(name, function):
    torch.manual_seed(0)
    rows = torch.rand(6, 3) * 3
    numbers = torch.zeros(3, requires_grad=True)
    adam = torch.optim.Adam([numbers], 0.1)
    expected = []
    for row in rows:
        row = row.clone().requires_grad_()
        adam.zero_grad()
        function(row, numbers).backward()
        adam.step()
        expected.append(row.grad)
    torch.testing.assert_close(weights_over_time(name, rows, 0.1), torch.stack(expected))


@pytest.mark.parametrize("name", ["uw", "imtl"])
def test_learned_weights_level_the_losses(name):
    losses_seen = torch.tensor([0.1, 1.0, 5.0])
    last = weights_over_time(name, [losses_seen] * 2000, 0.02)[-1]
    torch.testing.assert_close(
        last * losses_seen, (last * losses_seen)[0].expand(3), rtol=0.02, atol=0
    )


def test_famo_agrees_with_torchjd():
    scalarization = pytest.importorskip("torchjd.scalarization")
    torch.manual_seed(0)
    ours = losses.build("famo", TASKS).weighting
    theirs = scalarization.FAMO(3, lr=0.025, weight_decay=1e-3)
    for _ in range(8):
        before = (torch.rand(3) + 0.5).requires_grad_()
        after = before.detach() * (0.5 + 0.6 * torch.rand(3))
        theirs(before).backward()
        weights = ours.weights([0, 1, 2], before.detach())
        torch.testing.assert_close(weights, before.grad, rtol=1e-4, atol=1e-6)
        theirs.update(after)
        ours.after_step([0, 1, 2], after)


def test_famo_favours_the_task_that_falls_least():
    famo = losses.build("famo", TASKS).weighting
    for _ in range(50):
        famo.weights([0, 1, 2], torch.ones(3))
        famo.after_step([0, 1, 2], torch.tensor([0.5, 0.9, 0.99]))
    assert famo.current() == sorted(famo.current())


def test_an_absent_task_keeps_its_number():
    famo = losses.build("famo", TASKS).weighting
    for _ in range(5):
        weights = famo.weights([0, 2], torch.ones(2))
        famo.after_step([0, 2], torch.tensor([0.5, 0.9]))
    assert famo.numbers([1], torch.ones(1)).item() == 0.0
    assert weights.sum().item() < 1.0  # the absent task's share stays its own
