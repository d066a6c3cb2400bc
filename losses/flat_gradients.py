"""From T losses to their gradients, each part of the network differentiated as rarely as can be.

A task's gradients are a list of 1-d pieces, float32 or float64: one a parameter (or feature map),
or a single one of all together. The heads are differentiated once each; T times, only what lies
between the place where a gradient rule takes its gradients and the shared features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from utils.precision import at_least_float32, exact_type

Pieces = list[Tensor]

# Inner products are taken over blocks of this many numbers on a CPU, which stay in its cache.
_BLOCK = 2**18

# Pieces of fewer numbers than this are joined for their inner products: there are many, and a call
# takes longer than their numbers.
_SMALL = 2**15

# The inner products of so many gradients are taken one by one, which needs no copy of them.
_FEW = 8


def head_gradients(
    losses: Sequence[Tensor],
    grad_outputs: Sequence[Tensor],
    features: Sequence[Tensor],
    task_parameters: Sequence[Sequence[nn.Parameter]],
    retain: bool = False,
) -> tuple[list[list[Tensor | None]], list[list[Tensor | None]]]:
    """Differentiates every loss as far as the shared features.

    Args:
        losses: T scalars.
        grad_outputs: T scalars, what each loss's gradients are multiplied by.
        features: the shared feature maps.
        task_parameters: T lists of the parameters of each head.
        retain: whether the heads' graph is needed again.

    Returns:
        T lists of gradients at the features, and T lists of gradients at the heads' parameters;
        None where a loss does not depend on one.
    """
    at_features, at_heads = [], []
    for t, (loss, grad_output) in enumerate(zip(losses, grad_outputs, strict=True)):
        # Heads may share what has no parameters, such as an upsampling.
        more = retain or t < len(losses) - 1
        gradients = vjp([loss], [grad_output], [*features, *task_parameters[t]], retain=more)
        at_features.append(gradients[: len(features)])
        at_heads.append(gradients[len(features) :])
    return at_features, at_heads


def task_gradients(
    losses: Sequence[Tensor],
    grad_outputs: Sequence[Tensor],
    features: Sequence[Tensor],
    shared: Sequence[nn.Parameter],
    task_parameters: Sequence[Sequence[nn.Parameter]],
    positions: Sequence[int] | None = None,
    retain: bool = False,
) -> Iterator[tuple[list[Tensor | None] | None, list[Tensor | None]]]:
    """Differentiates every loss as far as the shared parameters: yields the gradients there, and
    those at the task's own parameters, of one task after the other.

    The arguments are those of :func:`head_gradients`. Without features each loss takes one pass
    from the loss to all of its parameters.

    Args:
        positions: of the tasks whose gradients at the shared parameters are wanted; those of the
            others are None. None: of all.
    """
    positions = set(range(len(losses)) if positions is None else positions)
    if features:
        at_features, at_heads = head_gradients(
            losses, grad_outputs, features, task_parameters, retain
        )
        for t in range(len(losses)):
            at, at_features[t] = at_features[t], []
            more = retain or any(later > t for later in positions)
            yield vjp(features, at, shared, more) if t in positions else None, at_heads.pop(0)
            del at
        return
    for t, (loss, grad_output) in enumerate(zip(losses, grad_outputs, strict=True)):
        more = retain or t < len(losses) - 1
        inputs = [*(shared if t in positions else ()), *task_parameters[t]]
        gradients = vjp([loss], [grad_output], inputs, more)
        at_shared, at_head = _split(gradients, len(shared) if t in positions else 0)
        yield at_shared if t in positions else None, at_head


def _split(values: list, length: int) -> tuple[list, list]:
    return values[:length], values[length:]


def vjp(
    outputs: Sequence[Tensor],
    grad_outputs: Sequence[Tensor | None],
    inputs: Sequence[Tensor],
    retain: bool,
) -> list[Tensor | None]:
    """Σ_k seed_k · ∂output_k/∂input for each input; None where no output depends on it."""
    pairs = [
        (output, grad_output)
        for output, grad_output in zip(outputs, grad_outputs, strict=True)
        if grad_output is not None and output.requires_grad
    ]
    if not pairs or not inputs:
        return [None] * len(inputs)
    outputs, grad_outputs = zip(*pairs, strict=True)
    return list(
        torch.autograd.grad(outputs, inputs, grad_outputs, retain_graph=retain, allow_unused=True)
    )


class FlatGradients:
    """How the gradients of a list of tensors are laid out as pieces, and back.

    Args:
        tensors: what is differentiated.
        joined: whether a task's gradients make one piece. It costs a copy, and saves a GPU hundreds
            of small operations.

    Attributes:
        length: how many numbers a task's gradients have.
    """

    def __init__(self, tensors: Sequence[Tensor], joined: bool):
        self.tensors = list(tensors)
        self.joined = joined
        self.length = sum(tensor.numel() for tensor in self.tensors)

    def flatten(self, gradients: Sequence[Tensor | None]) -> Pieces:
        """One task's gradients as pieces that share no memory; zeros for None."""
        flat = [
            torch.zeros(tensor.numel(), dtype=exact_type(tensor), device=tensor.device)
            if gradient is None
            else at_least_float32(_in_memory_order(gradient, tensor))
            for gradient, tensor in zip(gradients, self.tensors, strict=True)
        ]
        if self.joined:
            return [torch.cat(flat)]
        alone = len({piece.data_ptr() for piece in flat}) == len(flat)
        return flat if alone else [piece.clone() for piece in flat]

    def unflatten(self, pieces: Pieces) -> list[Tensor]:
        """Pieces as gradients with the shapes, memory layout and type of the tensors; views of the
        pieces where the type is theirs."""
        if self.joined:
            pieces = list(pieces[0].split([tensor.numel() for tensor in self.tensors]))
        return [
            piece.as_strided(tensor.shape, _dense_strides(tensor), piece.storage_offset()).to(
                tensor.dtype
            )
            for piece, tensor in zip(pieces, self.tensors, strict=True)
        ]


def gramian(rows: Sequence[Pieces]) -> Tensor:
    """(T, T) float64 inner products of T tasks' gradients, on their device. Each block's products
    are of the gradients' type, their sum over the blocks is float64."""
    if len(rows) > _FEW:
        products = cross_gramian(rows, rows)
        return (products + products.T) / 2
    size = len(rows)
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    dots = []
    for pieces in zip(*(_few_pieces(row) for row in rows), strict=True):
        length = max(1, pieces[0].numel() if pieces[0].is_cuda else _BLOCK)
        for block in zip(*(piece.split(length) for piece in pieces), strict=True):
            dots += [block[i].dot(block[j]) for i, j in pairs]
    sums = torch.stack(dots).view(-1, len(pairs)).double().sum(dim=0)
    # Without tensors of indices, which would have to be sent to the device.
    place = {pair: k for k, pair in enumerate(pairs)}
    entries = [sums[place[min(i, j), max(i, j)]] for i in range(size) for j in range(size)]
    return torch.stack(entries).view(size, size)


def cross_gramian(rows: Sequence[Pieces], columns: Sequence[Pieces]) -> Tensor:
    """(T, T) float64 inner products of some gradients (rows) with others (columns), as matrix
    products of blocks. What it costs in calls does not grow with T²."""
    total = rows[0][0].new_zeros(len(rows), len(columns), dtype=torch.float64)
    for pair in zip(_blocks(rows), _blocks(columns), strict=True):
        left, right = (torch.stack(block) for block in pair)
        total += (left @ right.T).double()
    return total


def _blocks(rows: Sequence[Pieces]) -> Iterator[tuple[Tensor, ...]]:
    """The same columns of all rows, a block at a time."""
    for pieces in zip(*(_few_pieces(row) for row in rows), strict=True):
        yield from zip(*(piece.split(_BLOCK) for piece in pieces), strict=True)


def _few_pieces(pieces: Pieces) -> Pieces:
    """The same numbers in fewer pieces, in another order."""
    small = [piece for piece in pieces if piece.numel() < _SMALL]
    large = [piece for piece in pieces if piece.numel() >= _SMALL]
    return [*large, torch.cat(small)] if len(small) > 1 else pieces


def combine(rows: Sequence[Pieces], merge: Callable[[Sequence[Tensor]], Tensor]) -> Pieces:
    """The pieces of the update: each from the tasks' pieces by `merge`."""
    return [merge(pieces) for pieces in zip(*rows, strict=True)]


def weighted(
    weights: Sequence[float], overwrite: bool = False
) -> Callable[[Sequence[Tensor]], Tensor]:
    """Σ α_t g_t as a `merge` of `combine`, in the place of the first gradient if it may be
    overwritten."""

    def merge(gradients: Sequence[Tensor]) -> Tensor:
        first = gradients[0]
        total = first.mul_(weights[0]) if overwrite else first * weights[0]
        for gradient, weight in zip(gradients[1:], weights[1:], strict=True):
            total.add_(gradient, alpha=weight)
        return total

    return merge


def _in_memory_order(gradient: Tensor, tensor: Tensor) -> Tensor:
    """The gradient's numbers in the order in which the tensor's lie in memory, 1-d."""
    wanted = _dense_strides(tensor)
    axes = zip(gradient.stride(), wanted, tensor.shape, strict=True)
    if any(have != want for have, want, length in axes if length > 1):
        gradient = torch.empty_strided(
            tensor.shape, wanted, dtype=gradient.dtype, device=gradient.device
        ).copy_(gradient)
    return gradient.as_strided((gradient.numel(),), (1,), gradient.storage_offset())


def _dense_strides(tensor: Tensor) -> tuple[int, ...]:
    """The strides of a tensor without gaps whose axes have the same order in memory."""
    return tensor.stride() if tensor.is_contiguous() else torch.empty_like(tensor).stride()
