"""modo and sdmgrad: the rules, and the three parts of a batch that they get."""

import pytest
import torch

import losses
from losses.gradient import AGGREGATORS
from losses.gradient.gramian import onto_simplex

TASKS = ("a", "b", "c")
RULES = ("modo", "sdmgrad")


def rule(name, size, **options):
    return AGGREGATORS[name](["t"] * size, torch.Generator(), **options)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [1, 2, 7])
def test_no_point_of_the_simplex_is_nearer(size, seed):
    torch.manual_seed(seed)
    point = 3 * torch.randn(size).double()
    nearest = onto_simplex(point)
    assert (nearest >= 0).all()
    assert nearest.sum().item() == pytest.approx(1)
    for other in torch.rand(200, size).double():
        assert (point - nearest).norm() <= (point - other / other.sum()).norm() + 1e-12


@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_modo_agrees_with_torchjd_over_many_steps(rho):
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(0)
    ours = rule("modo", 4, weight_step=0.05, rho=rho)
    theirs = aggregation.MoDoWeighting(gamma=0.05, rho=rho)
    for _ in range(20):
        first, second = torch.randn(2, 4, 9).double()
        matrix = first @ second.T
        torch.testing.assert_close(ours.weights(matrix, range(4), None), theirs(matrix))


@pytest.mark.parametrize("pull", [0.0, 0.3, 2.0])
def test_sdmgrad_agrees_with_torchjd_over_many_steps(pull):
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(0)
    ours = rule("sdmgrad", 4, pull=pull)
    theirs = aggregation.SDMGradWeighting(lr=5.0, momentum=0.5, n_iter=20, lambda_=pull)
    for _ in range(10):
        first, second = (torch.randn(4, 9) + torch.randn(2, 4, 9)).double()
        matrix = first @ second.T
        expected = theirs(matrix)  # whose scale has 1e-8 added
        torch.testing.assert_close(
            ours.weights(matrix, range(4), None), expected, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("name", RULES)
def test_absent_tasks_keep_their_weights(name):
    some = rule(name, 3)
    first, second = torch.randn(2, 2, 5, generator=torch.Generator().manual_seed(0)).double()
    weights = some.weights(first @ second.T, [0, 2], None)
    assert some.shares[1] == 1
    assert some.shares.sum().item() == pytest.approx(3)
    assert weights.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("place", ["parameters", "last_layer"])
@pytest.mark.parametrize("name", RULES)
def test_the_three_parts_are_what_the_rule_gets_and_weighs(problem, name, place):
    """Images 0, 3, 6; 1, 4; and 2, 5, each as a batch of its own."""
    case = problem(TASKS, scales={"a": 1.0, "b": 10.0, "c": 0.1})
    objective = losses.build(name, TASKS, options={"gradient_at": place})
    result = case.step(objective)
    parts = [rows_of_part(case, part) for part in range(3)]
    at = slice(None) if place == "parameters" else slice(-35, None)
    cross = parts[0][:, at] @ parts[1][:, at].T
    weights = rule(name, 3).weights(cross.double(), range(3), None).float()
    torch.testing.assert_close(flat(result), weights @ parts[2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", RULES)
def test_a_batch_of_one_image_gives_finite_gradients(problem, name):
    case = problem(TASKS)
    case.images = case.images[:1]
    case.targets = {task: target[:1] for task, target in case.targets.items()}
    assert flat(case.step(losses.build(name, TASKS))).isfinite().all()


def rows_of_part(case, part):
    """(T, P) three times the gradients of what the images of a part add to the losses."""
    rows = []
    for task in TASKS:
        case.model.zero_grad(set_to_none=True)
        prediction = case.model(case.images)[task]
        error = case.scales[task] * (prediction - case.targets[task]).square() / prediction.numel()
        (3 * error[part::3].sum()).backward()
        rows.append(flat(case.gradients()))
    return torch.stack(rows)


def flat(gradients):
    return torch.cat([g.flatten() for name, g in gradients.items() if "trunk" in name])
