"""Weights learned so that all weighted losses are alike."""

from typing import ClassVar

from losses.weighting.learned import LearnedWeighting, weight_lr


class IMTLL(LearnedWeighting):
    """w_t = exp(s_t) with the s_t learned on Σ exp(s_t) L_t - s_t, at whose minimum every weighted
    loss is 1 (Liu et al., ICLR 2021, eq. 8)."""

    options: ClassVar = {"weight_lr": weight_lr(1e-3)}
    no_geometric = "its weights are learned on a sum of losses with a penalty"

    def weights(self, present, losses):
        weights = self.numbers(present, losses.device).exp()
        self.learn(present, weights * losses - 1)
        return weights

    def all_weights(self, numbers):
        return numbers.exp()
