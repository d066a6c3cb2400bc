"""Weights learned so that all weighted losses are alike."""

from losses.weighting.learned import LearnedWeighting
from utils.option import option


class IMTLL(LearnedWeighting):
    """w_t = exp(s_t) with the s_t learned on Σ exp(s_t) L_t - s_t, at whose minimum every weighted
    loss is 1 (Liu et al., ICLR 2021, eq. 8)."""

    weight_lr: float = option(
        0.001, "learning rate (Adam) of the weights", above=0, search=(1e-4, 1e-2)
    )
    checked = "autograd of the paper's sum"
    no_geometric = "its weights are learned on a sum of losses with a penalty"

    def weights(self, active, losses):
        weights = self.numbers(active, losses).exp()
        self.learn(active, weights * losses - 1)
        return weights

    def all_weights(self, numbers):
        return numbers.exp()
