"""Weights learned as each task's own uncertainty."""

from losses.weighting.learned import LearnedWeighting
from utils.option import option


class Uncertainty(LearnedWeighting):
    """w_t = ½ exp(-s_t) with the log variances s_t learned on Σ ½ exp(-s_t) L_t + ½ s_t (Kendall et
    al., CVPR 2018, eq. 7, in its numerically stable form)."""

    weight_lr: float = option(
        0.001, "learning rate (Adam) of the weights", above=0, search=(1e-4, 1e-2)
    )
    checked = "autograd of the paper's sum"
    no_geometric = "its weights are learned on a sum of losses with a penalty"

    def weights(self, active, losses):
        half = 0.5 * (-self.numbers(active, losses)).exp()
        self.learn(active, 0.5 - half * losses)
        return half

    def all_weights(self, numbers):
        return 0.5 * (-numbers).exp()
