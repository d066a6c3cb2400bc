"""The two ways to make one loss of T: each a rule for the coefficients c_t = ∂F/∂L_t."""

from __future__ import annotations

from torch import Tensor

# Below this a loss counts as this much, so that 1 / L_t stays finite.
SMALLEST_LOSS = 1e-8


def arithmetic(losses: Tensor | None, weights: Tensor) -> Tensor:
    """F = Σ w_t L_t, so c_t = w_t. `losses` are not looked at."""
    return weights


def geometric(losses: Tensor, weights: Tensor) -> Tensor:
    """F = Π L_t^{w_t}, so c_t = w_t F / L_t (GLS: Chennupati et al., CVPRW 2019; with weights: Yun
    and Cho, ICCV 2023, eq. 6).

    Args:
        losses: (T) losses of the tasks that take part; at least 1e-8 each counts.
        weights: (T) their weights.

    Returns:
        (T) coefficients, of the losses' type. They are computed through logarithms, so that neither
        the product nor the quotient overflows where the result does not.
    """
    logs = losses.clamp(min=SMALLEST_LOSS).log()
    return weights * ((weights * logs).sum() - logs).exp()


MEANS = {"arithmetic": arithmetic, "geometric": geometric}
