"""Losses of a batch, in one process and in several."""

import pytest
import torch

from tests.engine.training.tiny import (
    assert_same,
    make_batch,
    make_losses,
    make_network,
    make_tasks,
    on_ranks,
    part_of,
)


def gradients(losses, network):
    network.zero_grad()
    sum(losses.values()).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_active_are_the_tasks_that_an_image_is_labelled_for():
    tasks = make_tasks()
    batch = make_batch(tasks, {"depth": [False] * 4, "normal": [False, False, True, False]})
    active, losses_of = make_losses(make_network(tasks), tasks).on(batch, 1)
    assert active == {"segmentation", "normal"}
    assert list(losses_of()) == ["segmentation", "normal"]


def test_a_label_without_a_valid_pixel_counts_nothing():
    tasks = make_tasks("depth")
    network, batch = make_network(tasks), make_batch(tasks)
    batch.targets["depth"][:] = 0
    assert make_losses(network, tasks).on(batch, 1)[1]()["depth"].item() == 0
    batch.targets["depth"][0, 0, 0] = 2.0
    one_pixel = make_losses(network, tasks).on(batch, 1)[1]()["depth"].item()
    batch.targets["depth"][0, 0, 1:3] = 2.0
    three = make_losses(network, tasks).on(batch, 1)[1]()["depth"].item()
    assert three == pytest.approx(one_pixel, abs=1.0), "a mean, and no sum"


@pytest.mark.parametrize("first", ["segmentation", "edge", "saliency"])
def test_two_processes_have_the_losses_and_together_the_gradients_of_one(first):
    """Parts of different sizes, with different counts, one of them without labels of depth."""
    tasks = make_tasks(first, "depth", "normal")
    labelled = {"depth": [False, True, False, False], "normal": [True, False, True, False]}
    batch, network = make_batch(tasks, labelled), make_network(tasks)
    batch.targets[first][2:, :3] = 255
    active, losses_of = make_losses(network, tasks).on(batch, 1)
    whole = losses_of()
    whole_gradients = gradients(whole, network)

    def work(ranks):
        local = make_network(tasks)
        images = slice(0, 1) if ranks.rank else slice(1, 4)
        local_active, local_losses = make_losses(local, tasks, ranks).on(part_of(batch, images), 1)
        assert local_active == active
        losses = local_losses()
        return {name: loss.detach() for name, loss in losses.items()}, gradients(losses, local)

    results = on_ranks(work)
    for losses, _ in results:
        assert_same(losses, {name: loss.detach() for name, loss in whole.items()})
    (_, first), (_, second) = results
    zero = torch.zeros(())
    added = {name: first.get(name, zero) + second.get(name, zero) for name in whole_gradients}
    assert_same(added, whole_gradients)
