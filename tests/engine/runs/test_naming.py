"""Runs on datasets that label different classes: cars in one, persons in the other."""

import copy

import pytest
import torch

from engine.config import read
from engine.runs.baselines import single_task
from engine.runs.data import build_data
from engine.runs.network import declared_tasks, make_network
from engine.training.parts import PartLosses
from tests.blocks import CFG
from tests.engine.training.tiny import make_losses, on_ranks, part_of
from tests.running import run
from utils.errors import ConfigError


@pytest.fixture
def configured(blocks_root, cfg, tmp_path):
    """Reads the cfg of the two datasets with changes to its text, as pairs, and options."""

    def make(*options, changes=()):
        text = CFG.format(root=blocks_root)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return read([str(cfg(text, "blocks")), "--runs", str(tmp_path / "runs"), *options])

    return make


@pytest.fixture
def batch(configured):
    """Of two images of cars and three of persons, as they lie on the disk."""
    data = build_data(configured()).test
    names = [entry.dataset for entry in data.entries]
    first = names.index("persons")
    return data.tasks, data.collate([data[0, i] for i in (0, 1, first, first + 1, first)])


def build_network(config, tasks):
    torch.manual_seed(0)
    return make_network(config, {task.name: task.head for task in tasks}).double().eval()


class TestLosses:
    def test_the_scores_of_what_a_dataset_does_not_label_get_no_gradient(self, configured, batch):
        tasks, whole = batch
        task = tasks[1]
        assert task.classes == ("car", "person")
        network = build_network(configured(), tasks)
        images = whole.images.movedim(-1, 1).double() / 255
        for chosen, other in ((slice(0, 2), 1), (slice(2, 5), 0)):
            part = part_of(whole, chosen)
            prediction = network(images[chosen])["detection"]
            total, count = task.criterion(prediction, *part.labels["detection"])
            assert count > 0
            leaves = [prediction.logits, prediction.offsets]
            logits, offsets = torch.autograd.grad(total, leaves)
            assert not logits[..., other].any()
            assert logits[..., 1 - other].all()
            assert offsets.any()

    def test_two_processes_and_parts_have_the_losses_of_one(self, configured, batch):
        tasks, whole = batch
        network = build_network(configured(), tasks)

        def losses_of(part, ranks=None):
            """The losses, and the gradients of their sum, of a share of the batch."""
            own = copy.deepcopy(network)
            _, losses = make_losses(own, tasks, ranks).on(part, 1)
            losses = losses()
            gradients = torch.autograd.grad(sum(losses.values()), list(own.parameters()))
            return {name: loss.item() for name, loss in losses.items()}, gradients

        expected, gradients = losses_of(whole)
        shares = slice(0, 1), slice(1, 5)
        (first, of_first), (second, of_second) = on_ranks(
            lambda ranks: losses_of(part_of(whole, shares[ranks.rank]), ranks)
        )
        assert first == second == pytest.approx(expected, rel=1e-9)
        for one, other, gradient in zip(of_first, of_second, gradients, strict=True):
            torch.testing.assert_close(one + other, gradient, rtol=1e-6, atol=1e-9)

        parts = [part_of(whole, share) for share in shares]
        _, passes = PartLosses(make_losses(network, tasks)).on(parts, 1)
        forward = passes()
        assert {n: v.item() for n, v in forward.values().items()} == pytest.approx(
            expected, rel=1e-9
        )


class TestRuns:
    @pytest.mark.parametrize(
        ("options", "masks", "boxes"),
        [
            pytest.param(
                (), {"background", "car", "person"}, {"car", "person"}, marks=pytest.mark.slow
            ),
            (("--coarse_classes", "car:person"), {"background", "car", "person"}, {"person"}),
        ],
        ids=lambda value: value[0] if value and isinstance(value, tuple) else None,
    )
    def test_both_tasks_are_trained_and_each_class_measured_where_it_is_labelled(
        self, configured, options, masks, boxes
    ):
        results = run(configured(*options))
        assert results["finished"]
        assert set(results["per_class"]["segmentation"]) == masks
        measured = {name for name in results["per_class"]["detection"] if "AP50" not in name}
        assert measured == boxes

    def test_the_resolved_cfg_runs_again_as_it_is(self, configured, cfg):
        config = configured(
            *("--aliases", "person:car", "--left_out", "background"),
            changes=[("classes = unite", "classes = unite\nlabelled_classes = cars:car")],
        )
        again = read([str(cfg(config.text(), "again"))])
        assert again.identity() == config.identity()
        assert again.text() == config.text()
        assert [t.classes for t in build_data(again).tasks] == [("car",), ("car",)]

    def test_tasks_are_known_before_the_data_are_there(self, configured):
        config = configured("--left_out", "person")
        assert [(t.name, t.classes) for t in declared_tasks(config)] == [
            ("segmentation", ("background", "car")),
            ("detection", ("car",)),
        ]


class TestKeys:
    @pytest.fixture
    def identity(self, configured):
        def of(*options, task="detection", changes=()):
            config = configured(*options, changes=changes)
            [choice] = [choice for choice in config.run.tasks if choice.name == task]
            single = config.single_task(choice)
            only = next(t for t in build_data(config).tasks if t.task_type == task)
            return single_task(single, build_data(single, only=only)).identity

        return of

    def test_a_dataset_that_does_not_label_all_has_it_in_the_key(self, identity):
        assert identity()["train"]["cars"]["known_as"] == ["car", None]
        masks = identity(task="segmentation")["train"]["persons"]
        assert masks["known_as"] == ["background", "background", "person"]

    def test_one_that_labels_all_has_nothing(self, identity):
        alone = [("train_dataset = cars persons", "train_dataset = cars")]
        assert set(identity(changes=alone)["train"]["cars"]) == {"format", "images", "ids"}

    def test_what_is_given_is_in_it(self, identity):
        assert identity("--aliases", "person:car")["train"]["persons"]["classes"] == ["car"]
        assert "persons" not in identity("--left_out", "person")["train"]


@pytest.mark.parametrize(
    ("option", "words", "message"),
    [
        ("aliases", "auto:car", "no dataset of the cfg has a class 'auto'"),
        ("aliases", "car:persn", "no dataset of the cfg has a class 'persn'; did you mean person?"),
        ("left_out", "carr", "no dataset of the cfg has a class 'carr'; did you mean car?"),
        ("coarse_classes", "car:person,dog", "no dataset of the cfg has a class 'dog'"),
        (
            "labelled_classes",
            "card:car",
            "there is no dataset 'card'; did you mean cars?",
        ),
        ("labelled_classes", "VOC:car", "the cfg has no dataset 'VOC'; it is one of cars, persons"),
        ("labelled_classes", "cars:cat", "cars has no class 'cat'; did you mean car?"),
    ],
)
def test_a_mistake_is_told_with_its_option_before_anything_is_built(
    configured, option, words, message
):
    with pytest.raises(ConfigError) as mistake:
        configured(f"--{option}", words)
    text = str(mistake.value)
    assert text.startswith(f"--{option}: {option}: ")
    assert message in text
    assert "\n" not in text


def test_a_mistake_in_a_section_is_told_at_its_line(configured):
    changes = [("detection_classes = car\n", "detection_classes = car\nlabelled_classes = cat\n")]
    with pytest.raises(ConfigError, match=r"blocks\.cfg:\d+: labelled_classes: cars has no class"):
        configured(changes=changes)
    changes = [(old, new.replace("cat", "car")) for old, new in changes]
    with pytest.raises(ConfigError, match=r"labelled_classes: \[dataset.cars\] says so itself"):
        configured("--labelled_classes", "cars:car", changes=changes)


def test_coarse_classes_that_do_not_go_together_with_the_datasets(configured):
    with pytest.raises(ConfigError, match="coarse_classes wants classes = unite"):
        configured("--coarse_classes", "car:person", "--classes", "separate")
    both = [("detection_classes = car", "detection_classes = car person")]
    with pytest.raises(ConfigError, match="cars labels 'person' as 'person' and as 'car'"):
        configured("--coarse_classes", "car:person", changes=both)
    dogs = [("detection_classes = person", "detection_classes = person dog")]
    with pytest.raises(ConfigError, match="no dataset to train segmentation on labels 'dog'"):
        configured("--coarse_classes", "car:person,dog", changes=dogs)
