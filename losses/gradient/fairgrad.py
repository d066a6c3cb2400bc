"""α-fair shares of the improvement; Nash's bargain is the case α = 1."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved, norms_and_cosines, rule, shortest, vectors
from utils.option import option


@rule
def fairgrad(gramian: np.ndarray, eps: float, alpha: float = 1.0) -> np.ndarray:
    """w > 0 with G w = w^{-1/α}: it maximises the sum of the tasks' α-fair utilities of the update
    Σ w_t g_t (Ban and Ji, ICML 2024, eq. 4). α = 0 is the mean gradient, α = 1 Nash's bargain, and
    the larger α, the more the worst task counts. A gradient of zero has weight 0.

    Raises:
        Unsolved: there is no such w (the gradients cancel one another), or it was not reached (with
            scales so different that the equation is lost in rounding).
    """
    if alpha == 0:
        return np.full(len(gramian), 1 / len(gramian))
    return fair(gramian, eps, 1 / alpha)


def fair(gramian: np.ndarray, eps: float, power: float) -> np.ndarray:
    """Solves G w = w^{-p} for w > 0 by Newton's method. There is a solution unless some of the
    gradients cancel one another, that is, unless 0 lies in the convex hull of their directions.

    The solution is the minimum of the convex ½ wᵀ G w - Σ φ(w_t) with φ' (w) = w^{-p}. With the
    gradients' norms d taken out, w = x / d and C their cosines, it is C x = d^{p-1} x^{-p}.
    """
    norms, cosines = norms_and_cosines(gramian)
    used = norms > 0
    weights = np.zeros_like(norms)
    if not used.any():
        return weights
    norms, cosines = norms[used], cosines[np.ix_(used, used)]
    directions = vectors(cosines)
    if np.square(directions @ shortest(directions)).sum() <= len(norms) * eps:
        raise Unsolved("the gradients cancel one another")
    pull = norms ** (power - 1)
    x = pull ** (1 / (1 + power))  # the solution for orthogonal gradients
    for _ in range(200):
        ratio = (cosines @ x) * x**power / pull  # 1 at the solution
        if np.abs(ratio - 1).max() <= 1e-9:
            break
        x = _newton(cosines, pull, power, x)
    ratio = (cosines @ x) * x**power / pull
    if not np.abs(ratio - 1).max() <= 1e-6:
        raise Unsolved(f"a residual of {np.abs(ratio - 1).max():.1e}")
    weights[used] = x / norms
    return weights


def _newton(cosines, pull, power, x):
    """One step, shortened until x stays positive and its end is not far uphill."""
    force = pull * x**-power
    gradient = cosines @ x - force
    step = np.linalg.solve(cosines + np.diag(power * force / x), -gradient)
    shrinking = step < 0
    length = min(1.0, 0.9 * (x[shrinking] / -step[shrinking]).min()) if shrinking.any() else 1.0
    slope = gradient @ step
    for _ in range(60):
        moved = x + length * step
        if (cosines @ moved - pull * moved**-power) @ step <= -0.9 * slope:
            break
        length /= 2
    return moved


class FairGrad(Aggregator):
    alpha: float = option(
        1.0,
        "the kind of fairness; the larger, the more the worst task counts",
        at_least=0,
        search=(0.25, 8.0),
    )
    weigh = staticmethod(fairgrad)
    checked = "TorchJD; its equation"
