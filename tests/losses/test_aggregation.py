"""The gradient rules at work on a network."""

import copy
import itertools

import pytest
import torch
from torch import nn

import losses
from losses.gradient import AGGREGATORS
from losses.weighting import WEIGHTINGS
from utils.errors import ConfigError

TASKS = ("a", "b", "c")
RULES = [name for name in AGGREGATORS if name != "none"]
OF_GRAMIAN = [name for name in RULES if hasattr(AGGREGATORS[name], "weigh")]
PLACES = ("parameters", "last_layer", "features")
SCALES = {"a": 1.0, "b": 10.0, "c": 0.1}


def places_of(rule):
    """Where a rule can be taken."""
    part, values = AGGREGATORS[rule], AGGREGATORS.choose(rule).all_values()
    if part.by_position:
        return ("features",)
    if part.remembers(values):
        return ("parameters",)
    return ("parameters", "last_layer") if part.compares_parts else PLACES


def with_rule(rule, place="paper", tasks=TASKS, **options):
    options = {"gradient": rule, "gradient_at": place, **options}
    return losses.build("weighted-sum", tasks, options=options)


def rows_at(case, place, tasks=TASKS):
    """(T, n) the gradients of the losses at a place."""
    rows = []
    for task in tasks:
        loss = case.losses()[task]
        at = {
            "parameters": case.model.shared_parameters(),
            "last_layer": case.model.last_shared_parameters(),
            "features": list(case.model.features),
        }[place]
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, at)]))
    return torch.stack(rows)


def shared_of(gradients):
    return torch.cat([g.flatten() for name, g in gradients.items() if "trunk" in name])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", [name for name in OF_GRAMIAN if name != "gradvac"])
def test_the_shared_parameters_get_the_gradients_times_the_rule_s_weights(problem, rule, place):
    case = problem(TASKS, scales=SCALES)
    objective = with_rule(rule, place)
    gradients = case.step(objective)
    rows = rows_at(case, place)
    options = {"max_norm": 1.0} if rule == "nash-mtl" else {}
    if rule == "pcgrad":
        options["generator"] = torch.Generator().manual_seed(0)
    weights = AGGREGATORS[rule].weigh(rows @ rows.T, **options).float()
    torch.testing.assert_close(
        shared_of(gradients), weights @ rows_at(case, "parameters"), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", [name for name in RULES if not AGGREGATORS[name].weighs_heads])
def test_each_head_gets_the_gradient_of_its_own_weighted_loss(problem, rule, place):
    if place not in places_of(rule):
        pytest.skip("it is refused there")
    case = problem(TASKS)
    weights = dict(zip(TASKS, (2.0, 0.5, 1.0), strict=True))
    gradients = case.step(with_rule(rule, place, loss_weight=list(weights.values())))
    expected = case.expected(lambda loss: sum(weights[t] * loss[t] for t in TASKS))
    for name in gradients:
        if "heads" in name:
            torch.testing.assert_close(gradients[name], expected[name])


def test_grad_norm_weighs_the_heads_as_well(problem):
    case = problem(TASKS, scales=SCALES)
    objective = losses.build("grad-norm", TASKS)
    case.step(objective)
    weights = objective.weights
    gradients = case.step(objective)
    assert len(set(weights.values())) == 3
    expected = case.expected(lambda loss: sum(weights[t] * loss[t] for t in TASKS))
    for name in gradients:
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("active", [("a",), ("a", "c")])
def test_an_absent_task_changes_nothing_for_the_others(problem, rule, place, active):
    if place not in places_of(rule):
        pytest.skip("it is refused there")
    case = problem(TASKS, scales=SCALES)
    gradients = case.step(with_rule(rule, place), active)
    alone = case.step(with_rule(rule, place, tasks=active), active)
    for name in gradients:
        if gradients[name] is not None:
            torch.testing.assert_close(gradients[name], alone[name])
    assert gradients["heads.1.weight"] is None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES)
def test_the_rule_does_not_see_the_loss_scaling(problem, rule, place):
    if place not in places_of(rule):
        pytest.skip("it is refused there")
    plain = problem(TASKS, scales=SCALES).step(with_rule(rule, place))
    scaled = problem(TASKS, scales=SCALES).step(with_rule(rule, place), scale=4096.0)
    for name in plain:
        torch.testing.assert_close(scaled[name] / 4096, plain[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", [name for name in RULES if not AGGREGATORS[name].compares_parts])
def test_with_all_tasks_equal_every_rule_trains_in_the_task_s_direction(problem, rule):
    case = problem(TASKS)
    with torch.no_grad():
        for head in case.model.heads:
            head.load_state_dict(case.model.heads[0].state_dict())
    for task in TASKS:
        case.targets[task] = case.targets["a"]
    update = shared_of(case.step(with_rule(rule)))
    single = shared_of(case.expected(lambda loss: loss["a"]))
    factor = (update @ single) / (single @ single)
    assert factor > 0
    torch.testing.assert_close(update, factor * single, rtol=1e-3, atol=1e-5)


def test_gradients_without_an_answer_are_averaged_and_the_log_says_so(problem):
    case = problem(("a", "b"))
    with torch.no_grad():
        case.model.heads[1].load_state_dict(case.model.heads[0].state_dict())
    lines = []
    options = {"loss_weight": [1.0, 1.0]}
    objective = losses.build("nash-mtl", ("a", "b"), options=options, log=lines.append)
    loss = case.losses()
    opposite = {"a": loss["a"], "b": 5.0 - loss["a"]}
    for _ in range(12):
        case.model.zero_grad(set_to_none=True)
        objective.backward(dict(opposite), copy.copy(case.model), ("a", "b"))
        loss = case.losses()
        opposite = {"a": loss["a"], "b": 5.0 - loss["a"]}
    assert shared_of(case.gradients()).abs().max() < 1e-6
    assert len(lines) == 2  # the first and the tenth
    assert "nash-mtl" in lines[0]
    assert "equal weights" in lines[0]


@pytest.mark.parametrize("rule", RULES)
def test_an_overflow_reaches_the_gradients_and_stops_nothing(problem, rule):
    case = problem(TASKS, scales={"a": float("inf"), "b": 1.0, "c": 1.0})
    gradients = case.step(with_rule(rule, "features" if rule == "graddrop" else "parameters"))
    assert not shared_of(gradients).isfinite().all()


class Levels(nn.Module):
    """Two feature maps, one computed from the other; one head reads both, the others one each. No
    layer is last. The features are views, so that neither's gradient holds the other's."""

    place = None  # its batches are whole

    def __init__(self):
        super().__init__()
        self.trunk = nn.Conv2d(3, 4, 3, padding=1)
        self.deeper = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.unused = nn.Linear(2, 2)
        self.heads = nn.ModuleDict(
            {"a": nn.Conv2d(4, 2, 1), "b": nn.Conv2d(6, 2, 1), "c": nn.Conv2d(10, 2, 1)}
        )

    def forward(self, images):
        fine = self.trunk(images).tanh()
        coarse = self.deeper(fine).tanh()
        fine, coarse = self.features = (fine.view_as(fine), coarse.view_as(coarse))
        both = torch.cat([nn.functional.avg_pool2d(fine, 2), coarse], dim=1)
        return {
            task: self.heads[task](x).square().mean()
            for task, x in zip("abc", (fine, coarse, both), strict=True)
        }

    def shared_parameters(self):
        return [*self.trunk.parameters(), *self.deeper.parameters(), *self.unused.parameters()]

    def last_shared_parameters(self):
        return []

    def task_parameters(self, task):
        return list(self.heads[task].parameters())


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", ["mgda", "imtl-g", "graddrop"])
def test_networks_with_several_feature_maps(rule, place, channels_last):
    if place not in places_of(rule):
        pytest.skip("it is refused there")
    torch.manual_seed(0)
    model, images = Levels(), torch.randn(2, 3, 8, 8)
    if channels_last:
        model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    with_rule(rule, place).backward(model(images), model, TASKS)
    assert model.unused.weight.grad is None  # as in plain training, where nothing depends on it
    update = torch.cat([model.trunk.weight.grad.flatten(), model.deeper.weight.grad.flatten()])
    assert update.isfinite().all()
    if rule == "graddrop":
        return

    def gradients(at):
        rows = []
        for task in TASKS:
            loss = model(images)[task]
            at_now = list(model.features) if at == "features" else at
            result = torch.autograd.grad(loss, at_now, allow_unused=True)
            filled = [torch.zeros_like(x) if g is None else g
                      for x, g in zip(at_now, result, strict=True)]  # fmt: skip
            rows.append(torch.cat([g.flatten() for g in filled]))
        return torch.stack(rows)

    weights = [model.trunk.weight, model.deeper.weight]
    everything = [*model.trunk.parameters(), *model.deeper.parameters()]
    rows = gradients(everything if place == "parameters" else "features")
    expected = AGGREGATORS[rule].weigh(rows @ rows.T).float() @ gradients(weights)
    torch.testing.assert_close(update, expected, rtol=1e-3, atol=1e-6)


def test_a_frozen_trunk_leaves_the_heads_to_train(problem):
    case = problem(TASKS)
    case.model.trunk.requires_grad_(False)
    gradients = case.step(with_rule("mgda"))
    assert gradients["trunk.0.weight"] is None
    expected = case.expected(lambda loss: sum(loss.values()))
    torch.testing.assert_close(gradients["heads.0.weight"], expected["heads.0.weight"])


def without_features(case):
    """The same case on a network whose layers several tasks share at many places."""

    class Featureless(type(case.model)):
        no_features = "its layers are shared here and there"

        def forward(self, x):
            predictions = super().forward(x)
            self.features = ()
            return predictions

    case.model.__class__ = Featureless
    return case


@pytest.mark.parametrize("rule", [n for n in RULES if "parameters" in places_of(n)])
def test_a_network_without_shared_features_gets_the_same_update(problem, rule):
    if AGGREGATORS[rule].compares_parts:
        pytest.skip("it is refused there")
    got = without_features(problem(TASKS, scales=SCALES)).step(with_rule(rule, "parameters"))
    wanted = problem(TASKS, scales=SCALES).step(with_rule(rule, "parameters"))
    for name, gradient in wanted.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-3, atol=1e-5)


def test_kept_weights_need_no_shared_features(problem):
    cases = [problem(TASKS, scales=SCALES), without_features(problem(TASKS, scales=SCALES))]
    results = []
    for case in cases:
        objective = with_rule("mgda", "parameters", every=2)
        case.step(objective)
        results.append(case.step(objective))
    for name, gradient in results[0].items():
        torch.testing.assert_close(results[1][name], gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rule", ["modo", "sdmgrad"])
def test_parts_of_a_batch_need_shared_features(problem, rule):
    case = without_features(problem(TASKS))
    for check in (
        lambda: case.step(with_rule(rule)),
        lambda: losses.presets.MultiTaskLoss(gradient=rule).check_network(case.model),
    ):
        with pytest.raises(ConfigError, match="its layers are shared here and there; take"):
            check()


def test_the_statistics_of_the_gradients_need_no_shared_features(problem):
    objective = with_rule("mgda", "parameters")
    with_features, without = problem(TASKS), without_features(problem(TASKS))
    wanted = objective.gradient_statistics(with_features.losses(), with_features.model)
    got = objective.gradient_statistics(without.losses(), without.model)
    assert got
    assert got == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("rule", "place"), [("mgda", "features"), ("grad-norm", "paper")])
def test_a_rule_at_features_that_a_network_has_not_is_refused(problem, rule, place):
    case = without_features(problem(TASKS))
    with pytest.raises(ConfigError, match="its layers are shared here and there; take"):
        case.step(with_rule(rule, place))
    loss = losses.presets.MultiTaskLoss(gradient=rule, gradient_at=place)
    with pytest.raises(ConfigError, match=f"{rule} takes the gradients at the .*; take") as error:
        loss.check_network(case.model)
    assert error.value.option == "gradient_at"


def test_a_last_layer_is_asked_for_in_vain_where_there_is_none():
    model = Levels()
    model.no_features = ""
    losses.presets.MultiTaskLoss(gradient="grad-norm").check_network(model)  # at the features
    loss = losses.presets.MultiTaskLoss(gradient="mgda", gradient_at="last_layer")
    with pytest.raises(ConfigError, match="no single layer is the last"):
        loss.check_network(model)


def test_teachers_of_features_need_shared_features(problem):
    model = without_features(problem(TASKS)).model
    losses.presets.DistilledLoss(distance_weight=0.0).check_network(model)
    with pytest.raises(ConfigError, match="its teachers compare shared features, and its layers"):
        losses.presets.DistilledLoss().check_network(model)


def test_rules_and_weightings_that_share_an_option_are_refused_together():
    shared = {
        (rule, weighting): AGGREGATORS[rule].options.keys() & WEIGHTINGS[weighting].options.keys()
        for rule, weighting in itertools.product(RULES, WEIGHTINGS)
    }
    assert any(shared.values())
    for (rule, weighting), options in shared.items():
        if options:
            with pytest.raises(ConfigError, match=options.pop()):
                with_rule(rule, tasks=["a"], weighting=weighting)
