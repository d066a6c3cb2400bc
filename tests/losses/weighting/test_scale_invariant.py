import pytest
import torch

import losses


def test_the_gradients_are_those_of_the_sum_of_logarithms(problem):
    case = problem(("a", "b"), scales={"a": 1e-3, "b": 1e3})
    gradients = case.step(losses.build("si", ("a", "b")))
    expected = case.expected(lambda loss: sum(value.log() for value in loss.values()))
    for name in gradients:
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-4, atol=1e-6)


def test_a_loss_of_zero_has_a_finite_weight():
    weighting = losses.build("si", ["a"]).weighting
    assert weighting.weights([0], torch.tensor([0.0])).tolist() == pytest.approx([1e8])


def test_with_an_offset_of_one_it_is_the_sum_of_aligned_mtl(problem):
    case = problem(("a", "b"), scales={"a": 1.0, "b": 1e-4})
    gradients = case.step(losses.build("si", case.tasks, options={"log_offset": 1.0}))
    expected = case.expected(lambda loss: sum((1 + value).log() for value in loss.values()))
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name])
