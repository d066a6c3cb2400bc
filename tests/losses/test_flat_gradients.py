"""Gradients as pieces, their inner products and their sums."""

import pytest
import torch

from losses.flat_gradients import FlatGradients, combine, gramian, vjp, weighted


def parameters():
    """Of several shapes and memory layouts."""
    torch.manual_seed(0)
    return [
        torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last),
        torch.randn(5),
        torch.randn(6, 4, 1, 1),
        torch.randn(()),
        torch.randn(3, 2).T,
    ]


@pytest.mark.parametrize("joined", [False, True])
def test_gradients_of_any_layout_come_back_as_they_were(joined):
    tensors = parameters()
    flat = FlatGradients(tensors, joined)
    gradients = [torch.randn(tensor.shape) for tensor in tensors]  # contiguous, unlike some tensors
    pieces = flat.flatten(gradients)
    assert len(pieces) == (1 if joined else len(tensors))
    for back, gradient, tensor in zip(flat.unflatten(pieces), gradients, tensors, strict=True):
        assert torch.equal(back, gradient)
        if tensor.is_contiguous(memory_format=torch.channels_last) and tensor.dim() == 4:
            assert back.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("joined", [False, True])
def test_missing_gradients_are_zeros_and_half_precision_comes_back_in_its_type(joined):
    tensors = [torch.ones(3, dtype=torch.bfloat16), torch.ones(2)]
    flat = FlatGradients(tensors, joined)
    back = flat.unflatten(flat.flatten([torch.full((3,), 2.0, dtype=torch.bfloat16), None]))
    assert back[0].dtype == torch.bfloat16
    assert back[0].tolist() == [2.0, 2.0, 2.0]
    assert back[1].tolist() == [0.0, 0.0]


def test_one_tensor_handed_out_twice_is_not_scaled_twice():
    """Autograd may give two parameters one and the same tensor as their gradients."""
    gradient = torch.ones(3)
    flat = FlatGradients([torch.ones(3), torch.ones(3)], joined=False)
    rows = [flat.flatten([gradient, gradient]) for _ in range(2)]
    update = combine(rows, weighted([2.0, 3.0], overwrite=True))
    assert [piece.tolist() for piece in update] == [[5.0] * 3, [5.0] * 3]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_gramian_is_that_of_the_joined_gradients(size):
    torch.manual_seed(1)
    lengths = (7, 0, 2**17 + 3)  # one longer than a block
    rows = [[torch.randn(length) for length in lengths] for _ in range(size)]
    matrix = torch.stack([torch.cat(row) for row in rows]).double()
    torch.testing.assert_close(gramian(rows), matrix @ matrix.T, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_weighted_sum_is_over_the_tasks(overwrite):
    rows = [[torch.randn(4), torch.randn(2)] for _ in range(3)]
    expected = [
        sum(w * row[k] for w, row in zip((2.0, -1.0, 0.5), rows, strict=True)) for k in (0, 1)
    ]
    for piece, value in zip(
        combine(rows, weighted([2.0, -1.0, 0.5], overwrite)), expected, strict=True
    ):
        torch.testing.assert_close(piece, value)


def test_an_input_that_no_output_reaches_has_no_gradient():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    outputs, grad_outputs = [3 * used, torch.ones(2)], [torch.ones(2), torch.ones(2)]
    first, second = vjp(outputs, grad_outputs, [used, unused], retain=False)
    assert first.tolist() == [3.0, 3.0]
    assert second is None
    assert vjp([3 * used], [None], [used], retain=False) == [None]
