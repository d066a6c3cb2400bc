import pytest
import torch

import losses


def drawn(name, steps=200, seed=0, tasks=("a", "b", "c")):
    objective = losses.build(name, tasks, seed=seed)
    rows = []
    for _ in range(steps):
        objective.weighting.weights(range(len(tasks)), None)
        rows.append(list(objective.weights.values()))
    return torch.tensor(rows)


@pytest.mark.parametrize("name", ["rlw", "rlw-g"])
def test_the_weights_are_random_shares_equal_on_average(name):
    weights = drawn(name, 3000)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3000))
    assert weights.mean(dim=0).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_their_logarithms_are_normal_as_in_the_paper():
    weights = drawn("rlw", 3000)
    ratio = (weights[:, 0] / weights[:, 1]).log()  # the difference of two standard normals
    assert ratio.mean().item() == pytest.approx(0.0, abs=0.1)
    assert ratio.std().item() == pytest.approx(2**0.5, abs=0.1)


def test_the_seed_decides_the_draws():
    assert torch.equal(drawn("rlw", seed=1), drawn("rlw", seed=1))
    assert not torch.equal(drawn("rlw", seed=1), drawn("rlw", seed=2))


def test_an_absent_task_s_weight_is_not_given_away():
    whole, part = losses.build("rlw", ["a", "b", "c"]), losses.build("rlw", ["a", "b", "c"])
    all_of_them = whole.weighting.weights([0, 1, 2], None)
    assert part.weighting.weights([0, 2], None) == [all_of_them[0], all_of_them[2]]
