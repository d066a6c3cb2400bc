"""Architectures in which tasks share softly: what they compute, and what belongs to whom."""

import copy

import pytest
import torch
from torch import nn

from models.attention import Attention
from models.cross_stitch import Stitch
from models.dropout import Place, replace_dropout
from models.dselect_k import Selectors, smooth_step
from models.gates import Gate, mixed
from models.ltb import Choice
from tasks.base import BoxHead, BoxPrediction, DenseHead
from tests.building import make_backbone, make_network
from utils.errors import ConfigError

HEADS = {"segmentation:VOC": DenseHead(4), "normal": DenseHead(3, unit=True)}
SIZE = (64, 96)
ARCHITECTURES = {
    "MMoE": {"experts": 2},
    "CGC": {},
    "PLE": {},
    "DSelect_k": {"experts": 2},
    "cross_stitch": {},
    "LTB": {},
    "MTAN": {},
}


def build(arch, heads=HEADS, backbone="resnet18", **options):
    torch.manual_seed(0)
    options = {"channels": 8, **ARCHITECTURES[arch], **options}
    return make_network(arch, backbone, heads, SIZE, **options)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def arch(request):
    return request.param


@pytest.fixture(scope="module")
def network(arch):
    return build(arch)


def images(number=2):
    return torch.rand(number, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def loss(predictions):
    weights = torch.Generator().manual_seed(2)
    return sum((p * torch.randn(p.shape, generator=weights)).mean() for p in predictions.values())


def test_several_tasks_reach_what_is_shared_and_one_task_what_is_its_own(network):
    network.train()
    parts = [network.shared_parameters(), *map(network.task_parameters, network.heads)]
    ids = [id(parameter) for part in parts for parameter in part]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(parameter) for parameter in network.parameters()}
    shared = {id(p) for p in network.shared_parameters()}
    for task in network.heads:
        network.zero_grad()
        loss(network(images(), {task})).backward()
        reached = {id(p) for p in network.parameters() if p.grad is not None}
        assert reached == shared | {id(p) for p in network.task_parameters(task)}


def test_gradients_at_the_features_hold_all_that_reaches_the_shared_parameters(arch, network):
    network.train()
    shared = network.shared_parameters()
    value = loss(network(images()))
    if arch == "MTAN":
        assert network.features == ()
        assert "MTAN read every stage" in network.no_features
        return
    wanted = torch.autograd.grad(value, shared, retain_graph=True)
    at = torch.autograd.grad(value, network.features, retain_graph=True, allow_unused=True)
    pairs = [(x, g) for x, g in zip(network.features, at, strict=True) if g is not None]
    features, gradients = zip(*pairs, strict=True)
    got = torch.autograd.grad(features, shared, gradients)
    for through, direct in zip(got, wanted, strict=True):
        torch.testing.assert_close(through, direct, rtol=1e-3, atol=1e-5)


def test_a_branch_that_is_not_needed_is_not_run(network):
    called = []
    for task, branch in network.heads.items():
        branch.decoder.register_forward_hook(lambda *_, task=task: called.append(task))
    network.train()
    before = copy.deepcopy(network.heads["normal"].state_dict())
    assert list(network(images(), {"segmentation:VOC"})) == ["segmentation:VOC"]
    assert called == ["segmentation:VOC"]
    for name, value in network.heads["normal"].state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_batch_in_evaluation_is_its_images_one_by_one(network):
    network.eval()
    with torch.no_grad():
        together = network(images())
        alone = [network(images()[n : n + 1]) for n in range(2)]
    for task, whole in together.items():
        parts = torch.cat([single[task] for single in alone])
        torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-4)


def test_a_copy_gives_the_same_and_holds_its_own_backbones(network):
    network.eval()
    copied = copy.deepcopy(network)
    with torch.no_grad():
        assert torch.equal(loss(copied(images())), loss(network(images())))
    ids = {id(p) for p in copied.parameters()}
    assert {id(p) for p in copied.backbone_parameters()} <= ids


def test_the_backbones_stay_as_they_were_and_other_layers_are_initialised(arch, network):
    """Backbones come with weights, wherever in the network they stand."""
    count = sum(p.numel() for p in make_backbone("resnet18", size=SIZE).parameters())
    whole = sum(p.numel() for p in network.backbone_parameters())
    times = {"MTAN": 1, "MMoE": 2, "DSelect_k": 2, "cross_stitch": 2, "LTB": 2, "CGC": 3, "PLE": 3}
    assert whole == times[arch] * count
    of_backbones = {id(p) for p in network.backbone_parameters()}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d) and id(layer.weight) in of_backbones:
            fan_out = layer.out_channels * layer.kernel_size[0] ** 2
            wanted = (2 / fan_out) ** 0.5  # ResNet's own, not by fan-in
            assert layer.weight.std().item() == pytest.approx(wanted, rel=0.2), name


def test_boxes_and_maps_have_decoders_of_vmm(arch):
    with torch.device("meta"):
        heads = {"detection": BoxHead(2), "depth": DenseHead(1)}
        network = build(arch, heads, decoder="VMM").eval()
        predictions = network(torch.zeros(2, 3, *SIZE))
    assert isinstance(predictions["detection"], BoxPrediction)
    assert predictions["depth"].shape == (2, 1, *SIZE)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "efficientnet_b0", "efficientnet_v2_s"])
@pytest.mark.parametrize("arch", ["PLE", "LTB", "MTAN"])
def test_other_backbones_can_be_run_stage_by_stage(arch, backbone):
    with torch.device("meta"):
        network = build(arch, backbone=backbone).eval()
        predictions = network(torch.zeros(1, 3, 75, 61))
    assert predictions["normal"].shape == (1, 3, 75, 61)


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v2", "efficientnet_b0"])
def test_the_segments_of_a_backbone_are_the_backbone(backbone):
    torch.manual_seed(0)
    whole = make_backbone(backbone, size=SIZE).eval()
    x = images()
    with torch.no_grad():
        wanted = whole(x)
        for segment, feature in zip(whole.segments(), wanted, strict=True):
            x = segment(x)
            torch.testing.assert_close(x, feature)


@pytest.mark.parametrize(
    ("options", "option", "message"),
    [
        ({"arch": "DSelect_k", "experts": 3}, "experts", "experts wants a power of two"),
        ({"arch": "MMoE", "decoder": "aspp"}, "decoder", "no decoder 'aspp'"),
        ({"arch": "MMoE", "heads": {"detection": BoxHead(2)}}, "tasks", "detection predicts boxes"),
    ],
)
def test_what_has_no_meaning_is_refused(options, option, message):
    with pytest.raises(ConfigError, match=message) as error:
        build(**options)
    assert error.value.option in (option, None)


def only(gate, expert):
    """Makes a gate give everything to one expert."""
    nn.init.zeros_(gate.linear.weight)
    nn.init.zeros_(gate.linear.bias)
    gate.linear.bias.data[expert] = 1e4


def decoded(network, task, features):
    return network.heads[task].decoder(features, SIZE)


@pytest.mark.parametrize("expert", [0, 1])
def test_an_expert_of_mmoe_that_gets_all_the_weight_is_the_task_s_backbone(expert):
    network = build("MMoE").eval()
    only(network.heads["normal"].gate, expert)
    got = network(images())["normal"]
    x = (images() - network.mean) / network.std
    wanted = decoded(network, "normal", network.backbone.shared[str(expert)](x))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_the_last_expert_of_cgc_is_the_task_s_own():
    network = build("CGC").eval()
    only(network.heads["normal"].gate, 1)
    got = network(images())["normal"]
    x = (images() - network.mean) / network.std
    wanted = decoded(network, "normal", network.heads["normal"].experts[0](x))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def through(stages, x):
    """The features that stages give one after the other."""
    features = []
    for stage in stages:
        x = stage(x)
        features.append(x)
    return features


@pytest.mark.parametrize("expert", [0, 1])
def test_ple_with_one_expert_is_that_expert(expert):
    """0: the shared one; 1: the task's own."""
    network = build("PLE").eval()
    for gate in (m for m in network.modules() if isinstance(m, Gate)):
        only(gate, 0)
    gates = [*network.neck.tasks["normal"], *network.heads["normal"].gates]
    for gate in gates:
        only(gate, expert)
    own = [*network.backbone.shared["normal 0"], network.heads["normal"].experts[0]]
    stages = [network.backbone.shared["shared 0"], own][expert]
    got = network(images())["normal"]
    x = (images() - network.mean) / network.std
    wanted = decoded(network, "normal", through(stages, x)[-3:])
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_the_shared_experts_of_ple_read_all_experts():
    network = build("PLE").eval()
    everyone = [gate.linear.out_features for gate in network.neck.shared]
    assert everyone == [3] * 4  # a shared one, and one of each of two tasks
    for gate in (m for m in network.modules() if isinstance(m, Gate)):
        only(gate, 0)
    for gate in network.neck.shared:
        only(gate, 2)  # the expert of the second task, of which the first task sees nothing else
    with torch.no_grad():
        before = network(images())["segmentation:VOC"]
        for parameter in network.backbone.shared["normal 0"].parameters():
            parameter.mul_(1.1)
        after = network(images())["segmentation:VOC"]
    assert not torch.allclose(before, after)


def test_cross_stitch_without_stitches_is_a_network_a_task():
    network = build("cross_stitch").eval()
    for own, task in enumerate(network.heads):
        for link in (*(links[own] for links in network.neck), network.heads[task].link):
            link.coefficients.data.zero_()[own] = 1.0
    got = network(images())
    x = (images() - network.mean) / network.std
    for task in network.heads:
        stages = [*network.backbone.shared[task], network.heads[task].stage]
        wanted = decoded(network, task, through(stages, x)[-3:])
        torch.testing.assert_close(got[task], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("tasks", "starts"), [(1, [1.0]), (3, [0.05, 0.9, 0.05])])
def test_a_stitch_starts_with_nearly_all_of_the_task_s_own(tasks, starts):
    stitch = Stitch(tasks, own=min(1, tasks - 1))
    torch.testing.assert_close(stitch.coefficients.data, torch.tensor(starts))
    maps = [torch.full((2, 1, 3, 3), float(n)) for n in range(tasks)]
    wanted = sum(n * start for n, start in enumerate(starts))
    torch.testing.assert_close(stitch(maps), torch.full((2, 1, 3, 3), wanted))


def choice_of(logits, place=None, **options):
    parent = nn.Module()
    parent.choice = Choice(len(logits), options.get("first", 1.0), options.get("last", 1.0))
    parent.choice.logits.data = torch.tensor(logits)
    masks = replace_dropout(parent)
    masks.place = place
    return parent.choice


def at(step, progress=0.0):
    return Place(
        seed=3, step=step, forward_pass=0, images=range(1), batch_size=1, progress=progress
    )


ONES = torch.eye(3).view(3, 1, 3, 1, 1)
"""Maps of which each says which one it is."""


def test_ltb_draws_by_the_softmax_of_its_logits():
    """The largest of logits with Gumbel noise is so distributed, whatever the temperature."""
    logits = [0.0, 1.0, -0.5]
    choice = choice_of(logits, first=3.0)
    drawn = torch.zeros(3)
    for step in range(2000):
        choice.masks.place = at(step)
        drawn += choice(ONES).detach().flatten()
    torch.testing.assert_close(drawn / 2000, torch.tensor(logits).softmax(0), atol=0.03, rtol=0)


def test_ltb_draws_the_same_at_the_same_place_and_for_all_images():
    choice = choice_of([0.0] * 3, at(1))
    first = choice(ONES).flatten().tolist()
    assert choice(ONES).flatten().tolist() == first
    choice.masks.place = Place(3, 1, 0, range(4, 6), 9)
    assert choice(ONES).flatten().tolist() == first
    others = []
    for step in range(2, 12):
        choice.masks.place = at(step)
        others.append(choice(ONES).flatten().tolist())
    assert any(other != first for other in others)


def test_ltb_takes_the_most_probable_in_evaluation_and_passes_gradients_as_the_softmax_would():
    choice = choice_of([0.1, 0.3, 0.2], at(1), first=2.0)
    values = torch.tensor([1.0, 5.0, 2.0])
    choice(values.view(3, 1, 1, 1, 1)).sum().backward()
    noise = -torch.log(-torch.log(choice.masks.uniform("choice", choice.logits)))
    logits = choice.logits.detach().clone().requires_grad_()
    (((logits + noise) / 2.0).softmax(0) @ values).backward()
    torch.testing.assert_close(choice.logits.grad, logits.grad)
    assert choice.eval()(ONES).flatten().tolist() == [0, 1, 0]


def test_the_temperature_of_ltb_falls_by_equal_factors():
    choice = choice_of([0.0, 0.0], first=8.0, last=0.5)
    assert choice.temperature == 8.0  # nobody has said how far the training is
    found = []
    for progress in (0, 0.25, 0.5, 1):
        choice.masks.place = at(1, progress)
        found.append(choice.temperature)
    assert found == pytest.approx([8, 4, 2, 0.5])


def test_mtan_without_attention_is_the_backbone():
    network = build("MTAN").eval()
    for attention in (m for m in network.modules() if isinstance(m, Attention)):
        norm = attention[1][1]
        nn.init.zeros_(norm.weight)
        nn.init.constant_(norm.bias, 100.0)  # a mask of ones
    got = network(images())
    x = (images() - network.mean) / network.std
    stages = [part for parts in network.backbone.shared.values() for part in parts]
    features = through(stages, x)[1::2][-3:]
    for task in network.heads:
        wanted = decoded(network, task, features)
        torch.testing.assert_close(got[task], wanted, rtol=1e-4, atol=1e-5)


def test_a_closed_attention_of_mtan_shuts_the_stage_out():
    network = build("MTAN").eval()
    norm = network.heads["normal"].attentions[-1][1][1]
    nn.init.zeros_(norm.weight)
    nn.init.constant_(norm.bias, -100.0)
    prediction = network(images())["normal"]
    torch.testing.assert_close(prediction[:, :, :1, :1].expand_as(prediction), prediction)


def test_the_smooth_step_is_a_step_with_a_smooth_middle():
    z = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0], requires_grad=True)
    got = smooth_step(z, width=2.0)
    middle = -2 * 0.5**3 / 8 + 3 * 0.5 / 4 + 0.5
    wanted = torch.tensor([0, 0, 1 - middle, 0.5, middle, 1, 1])
    torch.testing.assert_close(got, wanted)
    got.sum().backward()
    assert z.grad[[0, -1]].tolist() == [0, 0]
    assert z.grad[3] > z.grad[2] > 0


def test_selectors_weigh_the_experts_by_the_product_over_their_bits():
    torch.manual_seed(0)
    selectors = Selectors(experts=8, selectors=3, width=1.0)
    selectors.logits.data = torch.rand(3, 3) - 0.5
    selectors.mixture.data = torch.randn(3)
    steps, shares = smooth_step(selectors.logits, 1.0), selectors.mixture.softmax(0)
    wanted = []
    for expert in range(8):
        weight = 0
        for number in range(3):
            product = shares[number]
            for bit in range(3):
                on = expert >> bit & 1
                product = product * (steps[number, bit] if on else 1 - steps[number, bit])
            weight += product
        wanted.append(weight)
    got = selectors(images())
    torch.testing.assert_close(got, torch.stack(wanted))
    torch.testing.assert_close(got.sum(), torch.tensor(1.0))


def test_selectors_that_have_decided_pick_at_most_as_many_experts_as_there_are_of_them():
    selectors = Selectors(experts=8, selectors=2, width=1.0)
    selectors.logits.data = torch.tensor([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
    assert selectors(images()).nonzero().flatten().tolist() == [4, 5]


def test_a_gate_gives_each_image_weights_that_add_up_to_one():
    torch.manual_seed(0)
    weights = Gate(3, 4, cells=2)(images())
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert not torch.allclose(weights[0], weights[1])
    maps = [torch.full((2, 1, 2, 2), float(n)) for n in range(4)]
    wanted = weights @ torch.arange(4.0)
    torch.testing.assert_close(mixed(weights, maps), wanted.view(2, 1, 1, 1).expand(2, 1, 2, 2))
