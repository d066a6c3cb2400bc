"""The direction near the mean gradient that serves the worst task best."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved, rule, shortest, vectors
from utils.option import option


@rule
def cagrad(gramian: np.ndarray, eps: float, c: float = 0.5, rescale: int = 1) -> np.ndarray:
    """max_d min_t g_t · d within ‖d - g_0‖ ≤ c ‖g_0‖, g_0 the mean gradient, divided by 1 + c² (Liu
    et al., NeurIPS 2021, Algorithm 1; `rescale` 0: not divided, 2: by 1 + c, as in the official
    code).

    By duality d = g_0 + z / μ, where z is the vector of the hull of the gradients that minimises
    ‖z + μ g_0‖, with the μ for which d lies on the ball. μ is found by Brent's method; z is exact.

    Raises:
        Unsolved: the worst task could do better by more than 1e-6 of ‖g_0‖ times the largest norm.
    """
    from scipy.optimize import brentq

    divisor = (1.0, 1 + c**2, 1 + c)[rescale]
    points = vectors(gramian)
    mean = points.mean(axis=1)
    radius = c * np.linalg.norm(mean)
    equal = np.full(len(gramian), 1 / len(gramian))
    if radius <= eps * np.linalg.norm(points):
        return equal / divisor

    def hull(mu):
        return shortest(points + mu * mean[:, None])

    def excess(log_mu):  # falls through 0 at the μ wanted
        mu = np.exp(log_mu)
        return np.linalg.norm(points @ hull(mu)) - radius * mu

    high = np.linalg.norm(points, axis=0).max() / radius
    low = max(np.linalg.norm(points @ shortest(points)) / radius, 1e-9 * high)
    low, high = np.log(low), np.log(high) + 1e-9
    # Where even the smallest μ leaves d inside the ball, no task can be served better than 0.
    result = excess(low) <= 0 or low >= high
    mu = np.exp(low if result else brentq(excess, low, high, xtol=1e-13, disp=False))
    chosen = hull(mu)
    weights = equal + chosen / mu
    worst = (points.T @ points @ weights).min()
    bound = mean @ points @ chosen + radius * np.linalg.norm(points @ chosen)
    if not bound - worst <= 1e-6 * np.linalg.norm(mean) * np.linalg.norm(points, axis=0).max():
        raise Unsolved(f"a duality gap of {bound - worst:.1e}")
    return weights / divisor


class CAGrad(Aggregator):
    c: float = option(
        0.5,
        "how far from the mean gradient the result may lie, as its share",
        at_least=0,
        search=(0.1, 0.9),
    )
    rescale: int = option(
        1, "what the result is divided by; 0: 1, 1: 1 + c², 2: 1 + c", choices=(0, 1, 2)
    )
    weigh = staticmethod(cagrad)
    checked = "TorchJD; the duality gap"
