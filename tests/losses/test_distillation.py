import pytest
import torch

from losses.distillation import Distillation, distance

TASKS = ("segmentation:VOC", "depth")


def build(weight=1.0, **weights):
    torch.manual_seed(0)
    channels = {"segmentation:VOC": [3, 6], "depth": [4, 5]}
    return Distillation(TASKS, [4, 6], channels, weight, **weights)


def batch(images=2):
    features = [torch.randn(images, 4, 8, 8), torch.randn(images, 6, 4, 4)]
    teachers = {
        "segmentation:VOC": [torch.randn(images, 3, 8, 8), torch.randn(images, 6, 4, 4)],
        "depth": [torch.randn(images, 4, 8, 8), torch.randn(images, 5, 4, 4)],
    }
    pseudo = {"segmentation:VOC": torch.tensor(0.5), "depth": torch.tensor(0.25)}
    return features, teachers, pseudo


def test_the_distance_looks_at_directions_alone():
    torch.manual_seed(0)
    maps = torch.randn(2, 5, 3, 3)
    pixels = 2 * 3 * 3
    assert distance(7 * maps, maps).item() == pytest.approx(0.0, abs=1e-5)
    assert distance(-maps, 3 * maps).item() == pytest.approx(4.0 * pixels)
    other = torch.randn(2, 5, 3, 3)
    cosine = torch.nn.functional.cosine_similarity(maps, other, dim=1)
    assert distance(maps, other).item() == pytest.approx((2 - 2 * cosine).sum().item(), rel=1e-5)


def test_both_terms_are_added_to_the_loss_on_the_labels():
    features, teachers, pseudo = batch()
    labels = {"segmentation:VOC": torch.tensor(2.0), "depth": torch.tensor(3.0)}
    without = build(weight=0.0)(labels, features, teachers, pseudo)
    assert {task: loss.item() for task, loss in without.items()} == {
        "segmentation:VOC": 2.5,
        "depth": 3.25,
    }
    once, twice = (build(w)(labels, features, teachers, pseudo) for w in (1.0, 2.0))
    for task in TASKS:
        assert 0 < once[task] - without[task] <= 4
        torch.testing.assert_close(twice[task] - without[task], 2 * (once[task] - without[task]))


def test_a_term_without_weight_is_not_computed():
    torch.manual_seed(0)
    features, teachers, pseudo = batch()
    channels = {"segmentation:VOC": [3, 6], "depth": [4, 5]}
    both = build()({}, features, teachers, pseudo)
    distance_alone = build(pseudo_label_weight=0.0)({}, features, teachers, {})
    labels_alone = Distillation(TASKS, [4, 6], channels, 0.0, 2.0)
    assert not list(labels_alone.parameters())
    assert labels_alone.task_parameters("depth") == []
    taught = labels_alone({"depth": torch.tensor(1.0)}, features, {}, pseudo)
    assert taught["depth"] == 1.5
    assert taught["segmentation:VOC"] == 1.0
    for task in TASKS:
        torch.testing.assert_close(distance_alone[task] + pseudo[task], both[task])


def test_a_task_without_labels_is_still_taught():
    features, teachers, pseudo = batch()
    losses = build()({"depth": torch.tensor(1.0)}, features, teachers, pseudo)
    assert set(losses) == set(TASKS)
    assert losses["segmentation:VOC"] > 0.5


def test_each_task_trains_its_own_projections_and_the_shared_features_but_no_teacher():
    features, teachers, pseudo = batch()
    for maps in [features, *teachers.values()]:
        for each in maps:
            each.requires_grad_()
    distillation = build()
    distillation({}, features, teachers, pseudo)["depth"].backward()
    assert all(p.grad is not None for p in distillation.task_parameters("depth"))
    assert all(p.grad is None for p in distillation.task_parameters("segmentation:VOC"))
    assert all(each.grad is not None for each in features)
    assert all(each.grad is None for maps in teachers.values() for each in maps)


def test_what_is_in_float64_is_compared_in_float64():
    maps, other = torch.randn(2, 5, 3, 3).double(), torch.randn(2, 5, 3, 3)
    cosine = torch.nn.functional.cosine_similarity(maps, other.double(), dim=1)
    assert distance(maps, other).dtype == torch.float64
    torch.testing.assert_close(distance(maps, other.double()), (2 - 2 * cosine).sum())
