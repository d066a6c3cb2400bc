import math

import pytest
import torch

import losses
from losses.gradient import AGGREGATORS


def test_every_gradient_counts_with_the_largest_norm(regular):
    weights = AGGREGATORS["db-mtl"].weigh(regular @ regular.T)
    lengths = (weights[:, None] * regular).norm(dim=1)
    torch.testing.assert_close(lengths, regular.norm(dim=1).max().expand(len(regular)))


def test_a_gradient_of_zero_leaves_the_others_as_they_are(gradients):
    weights = AGGREGATORS["db-mtl"].weigh(gradients @ gradients.T)
    norms = gradients.norm(dim=1)
    present = norms > 1e-7 * norms.max()
    if present.any():
        torch.testing.assert_close(
            (weights * norms)[present], norms.max().expand(int(present.sum())), rtol=1e-6, atol=0
        )
    assert (weights >= 1 - 1e-9).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_it_is_the_gradients_of_the_logarithms_at_one_length(problem, scale):
    """As the paper's algorithm without its averages, on the network itself."""
    case = problem(("a", "b"), scales={"a": 1.0, "b": scale})
    rows = {task: case.expected(lambda loss, t=task: loss[t].log()) for task in case.tasks}
    trunk = [name for name in rows["a"] if "trunk" in name]
    norms = {t: math.sqrt(sum(g[n].square().sum() for n in trunk)) for t, g in rows.items()}
    result = case.step(losses.build("db-mtl", case.tasks))
    for name in trunk:
        expected = sum(max(norms.values()) / norms[t] * rows[t][name] for t in case.tasks)
        torch.testing.assert_close(result[name], expected, rtol=1e-4, atol=1e-5)
    for k, task in enumerate(case.tasks):
        mine = f"heads.{k}.weight"
        torch.testing.assert_close(result[mine], rows[task][mine], rtol=1e-4, atol=1e-6)
