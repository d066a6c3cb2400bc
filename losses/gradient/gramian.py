"""The arithmetic that the gradient rules share: small dense matrices, float64, on the CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


class Unsolved(Exception):
    """A rule has no solution for these gradients, or its solver did not reach it."""


def rule(solve: Callable[..., np.ndarray]) -> Callable[..., Tensor]:
    """Makes a rule of a function (gramian as float64 array, eps, options) -> weights as an array.

    The rule takes the (T, T) Gramian of the gradients as a tensor, in any precision on any device,
    and gives (T) float64 weights there. `eps` is the precision that the Gramian came in: what is
    below eps times its largest part is rounding.
    """

    @functools.wraps(solve)
    def wrapped(gramian: Tensor, **options) -> Tensor:
        matrix = gramian.detach().to("cpu", torch.float64).numpy()
        try:
            weights = solve(matrix, torch.finfo(gramian.dtype).eps, **options)
        except np.linalg.LinAlgError as error:
            raise Unsolved(str(error)) from error
        return torch.from_numpy(np.asarray(weights, np.float64)).to(gramian.device)

    return wrapped


def norms_and_cosines(gramian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Gramian taken apart, so that tasks of very different scales are treated alike.

    Returns:
        (T) the gradients' norms, and (T, T) their cosines; a gradient of zero has cosines 0, with
        itself too.
    """
    norms = np.sqrt(np.diag(gramian).clip(min=0))
    inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return norms, np.clip(gramian * inverse[:, None] * inverse, -1, 1)


def vectors(gramian: np.ndarray) -> np.ndarray:
    """(T, T): T columns with the inner products of the gradients, so that they can stand for them.
    The columns of gradients with similar directions stay exact however their scales differ."""
    norms, cosines = norms_and_cosines(gramian)
    values, basis = np.linalg.eigh(cosines)
    return np.sqrt(values.clip(min=0))[:, None] * basis.T * norms


def shortest(points: np.ndarray) -> np.ndarray:
    """The weights (T), at least 0 with sum 1, of the shortest vector in the convex hull of the
    columns of `points`.

    For the cone of the points the problem min ‖P u‖² + κ² (Σu - 1)² has the same direction u as the
    hull's shortest vector has weights, whatever κ, and it is one of non-negative least squares.
    """
    norms = np.linalg.norm(points, axis=0)
    nearest = norms.argmin()
    if norms[nearest] == 0:
        return np.eye(len(norms))[nearest]
    kappa = norms[nearest]  # no shorter than the answer, so that both terms count alike
    target = np.zeros(len(points) + 1)
    target[-1] = 1
    scaled = nonnegative(np.vstack([points / norms, kappa / norms]), target)
    weights = scaled / norms
    return weights / weights.sum()


def nonnegative(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """argmin ‖A x - b‖ over x ≥ 0.

    Raises:
        Unsolved: the solver gave up.
    """
    from scipy.optimize import nnls  # 0.2 s, which --help need not wait for

    try:
        return nnls(matrix, target)[0]
    except RuntimeError as error:
        raise Unsolved(str(error)) from error


def onto_simplex(point: Tensor) -> Tensor:
    """The nearest point (T) to a point with x ≥ 0 and Σ x = 1: max(point - θ, 0) with the one θ
    that gives that sum (Held, Wolfe and Crowder, 1974)."""
    ordered = point.sort(descending=True).values
    excess = (ordered.cumsum(0) - 1) / torch.arange(1, len(point) + 1, dtype=point.dtype)
    theta = excess[(ordered > excess).sum() - 1]
    return (point - theta).clamp(min=0)
