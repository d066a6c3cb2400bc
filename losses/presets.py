"""The table of the losses by the names of their papers, and how one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from losses.aggregation import GradientAggregation, no_such_place
from losses.bilevel import BilevelObjective
from losses.gradient import AGGREGATORS, PLACES
from losses.gradient.kept_weights import KeptWeights
from losses.mean import MEANS
from losses.objective import Objective
from losses.task_groups import GroupedObjective, TaskGroups
from losses.weighting import WEIGHTINGS
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part, Registry, Variant
from utils.ranks import ALONE, Ranks


class MultiTaskLoss(Part):
    """A weighting of the tasks, a mean of their losses and, for some, a gradient rule.

    An option of the weighting or of the rule is given where the part is chosen:

        rule = AGGREGATORS.choose("cagrad", {"c": 0.4})
        loss = MultiTaskLoss(weighting="achievement", gradient=rule)
        objective = loss.objective(["depth", "normal"], potential={"depth": 0.8, "normal": 0.5})

    Raises:
        ConfigError: the parts have no meaning together; says why.
    """

    section = "loss"

    weighting: str = option("fixed", "how the tasks' weights come about", parts=WEIGHTINGS)
    mean: str = option("arithmetic", "how the losses are averaged", choices=tuple(MEANS))
    gradient: str = option(
        "none",
        "the rule that combines the gradients, or torchjd:NAME for one of TorchJD's",
        parts=AGGREGATORS,
    )
    gradient_at: str = option(
        "paper",
        "where the rule takes the gradients; paper: where its paper does",
        choices=("paper", *PLACES),
    )
    every: int = option(
        1, "R: the rule is solved in one step of R, and keeps its weights in between", at_least=1
    )
    smooth: float = option(
        0.0, "share of the rule's old weights in its new ones; 0: none", at_least=0, below=1
    )

    def __init__(self, **values):
        super().__init__(**values)
        self._refuse_nonsense()
        self._refuse_place()
        self._refuse_kept_weights()

    @property
    def has_rule(self) -> bool:
        return self.gradient.name != "none"

    @property
    def place(self) -> str:
        """Where the gradient rule takes the gradients: one of `PLACES`."""
        return self.gradient.part.at if self.gradient_at == "paper" else self.gradient_at

    @property
    def cost(self) -> str:
        """What a step costs, in passes through the network; T is the number of tasks."""
        if self.has_rule:
            backwards = self.gradient.part.backwards if self.place == "parameters" else "1"
            if self.every > 1 and backwards != "1":
                backwards = f"({self.every - 1} + {backwards}) / {self.every}"
            return f"1 forward, {backwards} backward"
        if self.weighting.part.by_halves:
            return "3 forward, 2 backward"
        return f"{2 if self.weighting.part.needs_losses_after else 1} forward, 1 backward"

    @property
    def memory(self) -> str:
        """What a step needs memory for beside its graph and the gradients in `.grad`."""
        if not self.has_rule:
            return "3 gradients" if self.weighting.part.by_halves else ""
        rule, places = (
            self.gradient.part,
            {
                "parameters": "",
                "last_layer": " of the last layer",
                "features": " at the features",
            },
        )
        number = "2T" if rule.compares_parts else "T"
        now = f"{number} gradients{places[self.place]}"
        if rule.backwards == "1":
            now = ""
        kept = rule.remembers(self.gradient.all_values())
        return " and ".join([now] * bool(now) + [f"{kept} kept"] * bool(kept))

    @property
    def needs(self) -> str:
        """What a run must have for it."""
        parts = [self.weighting.part, *([self.gradient.part] if self.has_rule else [])]
        return "; ".join(part.needs for part in parts if part.needs)

    @property
    def checked(self) -> str:
        """What the tests compare it with."""
        checks = [self.weighting.part.checked]
        checks += ["autograd of the product"] if self.mean == "geometric" else []
        checks += [self.gradient.part.checked] if self.has_rule else []
        return "; ".join(check for check in checks if check) or "autograd of the sum"

    def objective(
        self,
        tasks: Sequence[str],
        potential: dict[str, float] | None = None,
        seed: int = 0,
        log: Callable[[str], None] = print,
        ranks: Ranks = ALONE,
    ) -> Objective:
        """Builds the objective for some tasks.

        Args:
            tasks: the names of the tasks, in order.
            potential: task -> accuracy in [0, 1] of its single-task network; weightings by
                achievement need it.
            seed: of what the loss draws; the same on every rank.
            log: takes a line that the user should read.
            ranks: the processes that share each batch.

        Raises:
            ConfigError: a weighting lacks the potentials or the weights that it needs.
        """
        generator = torch.Generator().manual_seed(seed)
        objective = Objective(
            tasks,
            self.weighting.build(tasks, self._total(len(tasks)), potential, generator),
            MEANS[self.mean],
            self._aggregation(tasks, generator, log, ranks),
            generator,
            ranks,
        )
        return BilevelObjective(objective) if self.weighting.part.by_halves else objective

    def check_network(self, network: nn.Module) -> None:
        """Refuses a network without the place where the gradient rule takes the gradients. Where
        the rule's paper takes them at the last shared layer, the features will do as well.

        Args:
            network: offers `last_shared_parameters()`, and `no_features`: why it has no shared
                features, empty where it has.

        Raises:
            ConfigError: says what the network lacks.
        """
        parts = self.has_rule and self.gradient.part.compares_parts
        if not self.has_rule or (self.place == "parameters" and not parts):
            return
        if network.no_features:
            raise no_such_place(self.gradient.name, self.place, network.no_features)
        if self.gradient_at == "last_layer" and not network.last_shared_parameters():
            raise ConfigError(
                "no single layer is the last that the tasks of this network share; take features",
                "gradient_at",
            )

    def _aggregation(self, tasks, generator, log, ranks) -> GradientAggregation | None:
        if not self.has_rule:
            return None
        aggregator = self.gradient.build(tasks, generator)
        kept = KeptWeights(len(tasks), self.every, self.smooth)
        return GradientAggregation(aggregator, self.gradient.name, self.place, log, ranks, kept)

    def _total(self, tasks: int) -> float:
        """What equal weights add up to: 1 under a weighted geometric mean and in a plain weighted
        sum; T under a gradient rule, which with equal weights then sees the gradients of the
        losses."""
        if self.mean == "geometric":
            return 1.0
        return float(tasks) if self.has_rule or self.weighting.part.total == "tasks" else 1.0

    def _refuse_nonsense(self) -> None:
        weighting, rule = self.weighting.part, self.gradient.part
        if self.mean == "geometric" and weighting.no_geometric:
            raise ConfigError(
                f"weighting {self.weighting.name} under a geometric mean: {weighting.no_geometric}",
                "mean",
            )
        if not self.has_rule:
            if self.gradient_at != "paper":
                raise ConfigError("there is no gradient rule to take it", "gradient_at")
            return
        if both := set(weighting.options) & set(rule.options):
            raise ConfigError(
                f"weighting {self.weighting.name} with gradient {self.gradient.name}: both learn "
                f"weights of the losses ({', '.join(sorted(both))})",
                "weighting",
            )
        if weighting.by_halves:
            raise ConfigError(
                f"weighting {self.weighting.name}: {weighting.no_geometric}, without a rule",
                "gradient",
            )

    def _refuse_place(self) -> None:
        if not self.has_rule:
            return
        rule, values = self.gradient.part, self.gradient.all_values()
        if rule.by_position and self.place != "features":
            raise ConfigError(
                f"{self.gradient.name} needs the activations that the gradients belong to; "
                "take features",
                "gradient_at",
            )
        if rule.whole and self.place == "last_layer":
            raise ConfigError(
                f"{self.gradient.name} gives no weights that the rest of the network could use; "
                "take parameters or features",
                "gradient_at",
            )
        if rule.compares_parts and self.place == "features":
            raise ConfigError(
                f"{self.gradient.name} compares gradients of different images, which have nothing "
                "in common at the features; take parameters or last_layer",
                "gradient_at",
            )
        if self.place != "parameters" and (rule.remembers(values) or rule.by_layer(values)):
            what = "keeps gradients of earlier steps" if rule.remembers(values) else "goes by layer"
            raise ConfigError(
                f"{self.gradient.name} {what}, which it can at all shared parameters alone; take "
                "parameters",
                "gradient_at",
            )

    def _refuse_kept_weights(self) -> None:
        if self.every == 1 and not self.smooth:
            return
        name = "every" if self.every > 1 else "smooth"
        if not self.has_rule:
            raise ConfigError("there is no gradient rule whose weights could be kept", name)
        rule, values = self.gradient.part, self.gradient.all_values()
        if rule.whole or rule.by_position or rule.by_layer(values):
            raise ConfigError(f"{self.gradient.name} gives no weights that could be kept", name)
        if rule.weighs_heads or (self.every > 1 and (rule.moves_slowly or rule.remembers(values))):
            reason = rule.moves_slowly or "it follows the gradients of every step"
            raise ConfigError(f"with {self.gradient.name}: {reason}", name)


class UpperBound(MultiTaskLoss):
    """A loss whose paper takes its rule at the shared features, as an upper bound of the rule at
    all shared parameters (Sener and Koltun, NeurIPS 2018, eq. 4; Senushkin et al., CVPR 2023)."""

    @property
    def place(self):
        return "features" if self.gradient_at == "paper" else self.gradient_at


class SelectiveUpdates(MultiTaskLoss):
    """Groups of tasks that help one another, updated in turns (Jeong and Yoon, ICLR 2025)."""

    affinity_decay: float = option(
        0.001, "share of the newest affinity in the running one", above=0, at_most=1
    )
    first_batches: int = option(
        100, "batches in which every task is a group of its own", at_least=0
    )

    def __init__(self, **values):
        super().__init__(**values)
        if self.weighting.part.needs_losses_after or self.weighting.part.by_halves:
            raise ConfigError(
                f"weighting {self.weighting.name} with groups updated in turns: it needs to know "
                "what one step of all tasks does to their losses",
                "weighting",
            )

    @property
    def cost(self):
        return "1 forward, 1 backward a group of tasks, and 1 forward"

    @property
    def needs(self):
        return "; ".join(filter(None, (super().needs, "scikit-learn")))

    @property
    def checked(self):
        return "the paper's rules on chosen losses"

    def objective(self, tasks, potential=None, seed=0, log=print, ranks=ALONE):
        plain = super().objective(tasks, potential, seed, log, ranks)
        groups = TaskGroups(tasks, plain.generator, self.affinity_decay, self.first_batches)
        return GroupedObjective(plain, groups)

    def _total(self, tasks):
        """T, for the losses of a group are summed."""
        return 1.0 if self.mean == "geometric" else float(tasks)


class DistilledLoss(MultiTaskLoss):
    """A loss to which the single-task networks add what they teach; see `losses.distillation`."""

    version = 2  # the teachers say nothing of padding; kd-mtl: the distance alone

    distance_weight: float = option(
        1.0, "weight of the distance to the teachers' features; 0: not computed", at_least=0
    )
    pseudo_label_weight: float = option(
        1.0,
        "weight of the loss on the teachers' predictions as labels; 0: not computed",
        at_least=0,
    )

    def __init__(self, **values):
        super().__init__(**values)
        if not self.distance_weight and not self.pseudo_label_weight:
            raise ConfigError(
                "is 0 and so is pseudo_label_weight: the teachers have nothing to say; raise one, "
                "or take a loss without teachers",
                "distance_weight",
            )

    @property
    def cost(self):
        return f"{super().cost}, and 1 forward of each of T single-task networks"

    @property
    def memory(self):
        return "T single-task networks"

    @property
    def needs(self):
        return "; ".join(filter(None, (super().needs, "single-task networks")))

    @property
    def checked(self):
        return f"{super().checked}; the distance on vectors"

    def check_network(self, network):
        super().check_network(network)
        if self.distance_weight and network.no_features:
            raise ConfigError(
                f"its teachers compare shared features, and {network.no_features}", "loss"
            )


_AMTL = "Yun and Cho, ICCV 2023"
_RLW, _DWA, _DTP = "Lin et al., TMLR 2022", "Liu et al., CVPR 2019", "Guo et al., ECCV 2018"
_IMTL, _MGDA = "Liu et al., ICLR 2021", "Sener and Koltun, NeurIPS 2018"
_PCGRAD, _CAGRAD = "Yu et al., NeurIPS 2020", "Liu et al., NeurIPS 2021"
_ALIGNED, _KD = "Senushkin et al., CVPR 2023", "Li and Bilen, ECCVW 2020"
_CONFIG = "Liu et al., ICLR 2025"


def _loss(
    help: str,
    paper: str,
    weighting: str = "fixed",
    mean: str = "arithmetic",
    gradient: str = "none",
    part: type[MultiTaskLoss] = MultiTaskLoss,
    **defaults: float,
) -> Variant:
    parts = {"weighting": weighting, "mean": mean, "gradient": gradient}
    return Variant(part, parts | defaults, help, paper)


def _rule(
    name: str,
    help: str,
    paper: str,
    weighting: str = "fixed",
    part: type[MultiTaskLoss] = MultiTaskLoss,
) -> Variant:
    return _loss(help, paper, weighting, gradient=name, part=part)


LOSSES = Registry(
    "loss",
    {
        "weighted-sum": _loss("the sum of the losses, with fixed weights", "-"),
        "geometric": _loss(
            "the geometric mean of the losses", "Chennupati et al., CVPRW 2019", mean="geometric"
        ),
        "rlw": _loss("random weights in every step", _RLW, "rlw"),
        "rlw-g": _loss("the same, in a geometric mean", _RLW, "rlw", "geometric"),
        "dwa": _loss("tasks whose losses fall slowly count more", _DWA, "dwa"),
        "dwa-g": _loss("the same, in a geometric mean", _DWA, "dwa", "geometric"),
        "dtp": _loss("tasks with a low accuracy count more", _DTP, "dtp"),
        "dtp-g": _loss("the same, in a geometric mean", _DTP, "dtp", "geometric"),
        "fmtl": _loss("tasks with a low accuracy count more, by a focal weight", _AMTL, "fmtl"),
        "amtl": _loss(
            "tasks far from their single-task accuracy count more, in a geometric mean",
            _AMTL,
            "achievement",
            "geometric",
        ),
        "amtl-a": _loss("the same, in an arithmetic mean", _AMTL, "achievement"),
        "uw": _loss("learned uncertainties", "Kendall et al., CVPR 2018", "uncertainty"),
        "si": _loss("the sum of the losses' logarithms", "Navon et al., ICML 2022", "si"),
        "famo": _loss(
            "all losses fall at the same rate, by learned weights",
            "Liu et al., NeurIPS 2023",
            "famo",
        ),
        "stch": _loss("a smooth maximum of the losses", "Lin et al., ICML 2024", "stch"),
        "uw-so": _loss("a softmax of the inverse losses", "Kirchdorfer et al., GCPR 2024", "uw-so"),
        "cov": _loss(
            "losses that vary much for their size count more",
            "Groenendijk et al., WACV 2021",
            "cov",
        ),
        "ldc-mtl": _loss(
            "learned weights, with a penalty on unlike weighted losses",
            "Xiao et al., 2025",
            "ldc-mtl",
        ),
        "go4align": _loss(
            "groups of tasks with a weight each", "Shen et al., NeurIPS 2024", "go4align"
        ),
        "auto-lambda": _loss(
            "weights that lower the losses on the other half of the batch",
            "Liu et al., TMLR 2022",
            "auto-lambda",
        ),
        "grad-norm": _rule(
            "grad-norm", "learned weights give gradients of like length", "Chen et al., ICML 2018"
        ),
        "imtl": _rule("imtl-g", "like projections, and losses of like scale", _IMTL, "imtl-l"),
        "imtl-g": _rule("imtl-g", "an update with like projections on all gradients", _IMTL),
        "mgda": _rule("mgda", "the shortest vector in the gradients' convex hull", _MGDA),
        "mgda-ub": _rule("mgda", "the same, at the shared features", _MGDA, part=UpperBound),
        "pcgrad": _rule("pcgrad", "gradients projected off one another's conflicts", _PCGRAD),
        "pcgrad-amtl": _rule(
            "pcgrad", "PCGrad on losses weighted as in amtl", f"{_PCGRAD}; {_AMTL}", "achievement"
        ),
        "cagrad": _rule("cagrad", "near the mean gradient, best for the worst task", _CAGRAD),
        "cagrad-amtl": _rule(
            "cagrad", "CAGrad on losses weighted as in amtl", f"{_CAGRAD}; {_AMTL}", "achievement"
        ),
        "graddrop": _rule(
            "graddrop", "gradients with conflicting signs, dropped", "Chen et al., NeurIPS 2020"
        ),
        "gradvac": _rule(
            "gradvac", "gradients turned to their usual similarity", "Wang et al., ICLR 2021"
        ),
        "aligned-mtl": _rule(
            "aligned-mtl", "gradients made orthogonal and of one length", _ALIGNED
        ),
        "aligned-mtl-ub": _rule(
            "aligned-mtl", "the same, at the shared features", _ALIGNED, part=UpperBound
        ),
        "nash-mtl": _rule(
            "nash-mtl", "Nash's bargain between the tasks", "Navon et al., ICML 2022"
        ),
        "fairgrad": _rule("fairgrad", "α-fair shares of the improvement", "Ban and Ji, ICML 2024"),
        "upgrad": _rule("upgrad", "the mean of conflict-free projections", "Quinton and Rey, 2024"),
        "db-mtl": _rule("db-mtl", "log losses, gradients of one length", "Lin et al., 2023", "si"),
        "norm-balance": _rule("norm-balance", "gradients of their mean length", "-"),
        "ntk-mtl": _rule(
            "ntk-mtl", "gradients as long as all of them together", "Qin et al., NeurIPS 2025"
        ),
        "config": _rule("config", "a direction with like cosines to all gradients", _CONFIG),
        "config-m": _rule(
            "config-m", "the same, of averages of which each step renews one", _CONFIG
        ),
        "moco": _rule(
            "moco", "weights from gradients tracked over steps", "Fernando et al., ICLR 2023"
        ),
        "modo": _rule(
            "modo", "MGDA's weights without bias, from three parts", "Chen et al., NeurIPS 2023"
        ),
        "sdmgrad": _rule(
            "sdmgrad", "the same, near the mean gradient", "Xiao et al., NeurIPS 2023"
        ),
        "excess-mtl": _rule(
            "excess-mtl", "tasks far from their best count more", "He et al., ICML 2024"
        ),
        "kd-mtl": _loss(
            "the baselines teach the network their features",
            _KD,
            part=DistilledLoss,
            pseudo_label_weight=0.0,
        ),
        "kd-amtl": _loss(
            "the baselines teach the network their features and predictions, losses as in amtl",
            f"{_KD}; {_AMTL}",
            "achievement",
            "geometric",
            part=DistilledLoss,
        ),
        "sel-update": _loss(
            "groups of tasks that help one another, in turns",
            "Jeong and Yoon, ICLR 2025",
            part=SelectiveUpdates,
        ),
    },
)
"""Every multi-task loss by its name in a cfg."""


def build(
    name: str,
    tasks: Sequence[str],
    potential: dict[str, float] | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    log: Callable[[str], None] = print,
    ranks: Ranks = ALONE,
) -> Objective:
    """Builds the objective of a loss by its name.

        objective = build("cagrad", ["depth", "normal"], options={"c": 0.4})

    Args:
        name: one of `LOSSES`.
        options: options of the loss, and of its weighting and gradient rule.
        tasks, potential, seed, log, ranks: those of :meth:`MultiTaskLoss.objective`.

    Raises:
        ConfigError: an unknown name or option, or parts without a meaning together.
    """
    loss = LOSSES.choose_nested(name, options or {}).build()
    return loss.objective(tasks, potential, seed, log, ranks)
