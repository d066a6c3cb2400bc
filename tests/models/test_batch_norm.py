"""BatchNorm of a batch that several processes share, against PyTorch's of the whole batch."""

import copy
from itertools import accumulate, pairwise

import pytest
import torch
from torch import nn

from models.batch_norm import BatchNorm, SynchronisedBatchNorm, synchronise
from models.layers import ConvNorm
from tasks.base import DenseHead
from tests.building import make_network
from tests.processes import NUMBERS, run_processes
from utils.errors import ConfigError
from utils.ranks import Ranks

CUTS = {
    2: [(5, 3), (1, 7), (8, 0), (0, 8)],
    3: [(3, 3, 2), (0, 5, 3), (6, 0, 2), (0, 0, 8)],
}
"""The images of each process, by the number of processes."""
MAPS = {"map": (5, 4), "pixel": (1, 1)}
TYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
CHANNELS = 4


def values(seed, size, dtype, mean=0.0):
    """(8, C, …) numbers about a mean of each channel's own, in float64."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(8, CHANNELS, *size, generator=generator, dtype=torch.float64)
    spread = torch.linspace(0.5, 2, CHANNELS).view(-1, 1, 1)
    return (numbers * spread + mean * spread).to(dtype).double()


def norm_layer(dtype):
    layer = nn.BatchNorm2d(CHANNELS, momentum=0.3)
    nn.init.uniform_(layer.weight, 0.5, 2, generator=torch.Generator().manual_seed(1))
    nn.init.normal_(layer.bias, generator=torch.Generator().manual_seed(2))
    return layer.to(torch.float32 if dtype == torch.bfloat16 else dtype)


def trained(layer, x, gradient, dtype):
    """Two steps of a layer on some images: all that comes of it."""
    x = x.detach().to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    for _ in range(2):
        layer.zero_grad()
        x.grad = None
        y = layer(x)
        y.backward(gradient.to(dtype))
    assert y.dtype == x.grad.dtype == dtype
    assert y.is_contiguous(memory_format=torch.channels_last)
    result = {"y": y.detach(), "x": x.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
    return result | {name: buffer.clone() for name, buffer in layer.named_buffers()}


def cases(processes):
    """(name of the type, name of the map, mean, cut)"""
    for cut in CUTS[processes]:
        for dtype in TYPES:
            yield from ((dtype, size, 0.0, cut) for size in MAPS)
        yield "float64", "map", 1e4, cut
        yield "float32", "map", 1e4, cut


def share(cut, rank):
    return slice(*list(pairwise(accumulate(cut, initial=0)))[rank])


def train_shares(ranks):
    """What each process has of every case."""
    results = {}
    for dtype, size, mean, cut in cases(ranks.size):
        network = nn.Sequential(norm_layer(TYPES[dtype]))
        synchronise(network, ranks)
        images = share(cut, ranks.rank)
        x, gradient = (values(seed, MAPS[size], TYPES[dtype], mean * (1 - seed)) for seed in (0, 1))
        results[dtype, size, mean, cut] = trained(
            network[0], x[images], gradient[images], TYPES[dtype]
        )
    return results, train_on_one_value(ranks)


def train_on_one_value(ranks):
    """The output and the gradients of a map of one pixel of the one image that the batch has."""
    layer = BatchNorm(CHANNELS)
    layer.running_mean += 3
    network = nn.Sequential(nn.Conv2d(3, CHANNELS, 1), layer, nn.BatchNorm2d(CHANNELS))
    nn.init.ones_(network[0].weight)
    synchronise(network, ranks)
    y = network[:2](torch.ones(int(ranks.rank == 1), 3, 1, 1))
    y.sum().backward()
    try:
        network[2](y)
        refused = ""
    except ValueError as error:
        refused = str(error)
    return y.detach(), network[0].weight.grad, layer.running_mean, refused


@pytest.fixture(scope="module", params=NUMBERS)
def outcome(request, tmp_path_factory):
    return run_processes(train_shares, request.param, tmp_path_factory.mktemp("processes"))


def joined(parts):
    """The results of the processes as those of the whole batch."""
    whole = {name: torch.cat([part[name] for part in parts]) for name in ("y", "x")}
    whole |= {name: sum(part[name] for part in parts) for name in ("weight", "bias")}
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert all(torch.equal(part[name], parts[0][name]) for part in parts), "to the last bit"
        whole[name] = parts[0][name]
    return whole


def distances(result, truth):
    """How far each result is from the truth, as a share of the truth's largest number."""
    return {
        name: ((result[name].double() - truth[name]).abs().max() / truth[name].abs().max()).item()
        for name in truth
    }


def test_shares_have_the_outputs_gradients_and_statistics_of_the_whole_batch(outcome):
    """To rounding, or within twice the distance of PyTorch's layer of the same type."""
    for case in cases(len(outcome)):
        dtype, size, mean, _ = case
        x, gradient = (values(seed, MAPS[size], TYPES[dtype], mean * (1 - seed)) for seed in (0, 1))
        truth = trained(norm_layer(TYPES[dtype]).double(), x, gradient, torch.float64)
        wanted = trained(norm_layer(TYPES[dtype]), x, gradient, TYPES[dtype])
        theirs = distances(wanted, truth)
        ours = distances(joined([results[case] for results, _ in outcome]), truth)
        tolerance = {"float64": 1e-10, "float32": 2e-4 if mean else 1e-5, "bfloat16": 1e-2}[dtype]
        for name, distance in ours.items():
            assert distance <= max(2 * theirs[name], tolerance), (case, name)


def test_one_value_in_the_whole_batch_is_normalised_by_the_running_statistics(outcome):
    """Or refused where PyTorch's layer would refuse it, by all processes alike."""
    parts = [one for _, one in outcome]
    assert [y.shape[0] for y, *_ in parts] == [int(rank == 1) for rank in range(len(parts))]
    assert parts[1][0].flatten()[0].item() == pytest.approx(parts[1][0].mean().item(), abs=2)
    for rank, (_, weight, mean, refused) in enumerate(parts):
        torch.testing.assert_close(mean, torch.full((CHANNELS,), 3.0))
        wanted = torch.full_like(weight, 1.0 if rank == 1 else 0.0)
        torch.testing.assert_close(weight, wanted, rtol=1e-4, atol=1e-6)
        assert "one value" in refused


class Two(Ranks):
    """Two processes, as far as a network is changed for them."""

    size = 2


def test_with_one_process_nothing_changes():
    network = nn.Sequential(ConvNorm(3, 4))
    layers = list(network.modules())
    synchronise(network, Ranks())
    assert list(network.modules()) == layers


@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_b0", "timm/efficientnet_b0"])
def test_parameters_and_buffers_keep_their_names_and_evaluation_its_numbers(backbone):
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    network = make_network("VMM", backbone, {"depth": DenseHead(1)}, (64, 64), channels=8).eval()
    images, state = torch.randn(2, 3, 64, 64), network.state_dict()
    parameters = list(network.parameters())
    with torch.no_grad():
        wanted = network(images)["depth"]
        synchronise(network, Two())
        assert torch.equal(network(images)["depth"], wanted)
    assert list(network.state_dict()) == list(state)
    assert all(a is b for a, b in zip(network.parameters(), parameters, strict=True))
    assert not any(type(layer) in (nn.BatchNorm2d, BatchNorm) for layer in network.modules())


def test_a_copy_shares_the_processes_and_not_the_numbers():
    """As of the weights' moving average: processes cannot be copied."""
    network = nn.Sequential(nn.BatchNorm2d(4))
    processes = Two()
    synchronise(network, processes)
    copied = copy.deepcopy(network)
    assert isinstance(copied[0], SynchronisedBatchNorm)
    assert copied[0]._shared.processes is processes
    assert copied[0].running_mean is not network[0].running_mean


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (nn.BatchNorm1d(4), "BatchNorm1d"),
        (nn.BatchNorm2d(4, affine=False), "BatchNorm2d"),
        (nn.BatchNorm2d(4, track_running_stats=False), "BatchNorm2d"),
    ],
)
def test_what_would_have_the_statistics_of_a_share_is_refused(layer, named):
    network = make_network("plain", "resnet18", {"depth": DenseHead(1)}, (64, 64))
    network.backbone.stages[1] = layer
    with pytest.raises(ConfigError, match=rf"^backbone resnet18 .* stages\.1, a {named}, .*"):
        synchronise(network, Two())


def test_norms_of_each_image_alone_stay():
    network = nn.Sequential(nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm(4))
    layers = list(network.modules())
    synchronise(network, Two())
    assert list(network.modules()) == layers
