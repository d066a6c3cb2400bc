"""Weights learned as each task's own uncertainty."""

from typing import ClassVar

from losses.weighting.learned import LearnedWeighting, weight_lr


class Uncertainty(LearnedWeighting):
    """w_t = ½ exp(-s_t) with the log variances s_t learned on Σ ½ exp(-s_t) L_t + ½ s_t (Kendall et
    al., CVPR 2018, eq. 7, in its numerically stable form)."""

    options: ClassVar = {"weight_lr": weight_lr(1e-3)}
    no_geometric = "its weights are learned on a sum of losses with a penalty"

    def weights(self, present, losses):
        half = 0.5 * (-self.numbers(present, losses.device)).exp()
        self.learn(present, 0.5 - half * losses)
        return half

    def all_weights(self, numbers):
        return 0.5 * (-numbers).exp()
