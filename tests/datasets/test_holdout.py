"""The held-out share: how many of each kind of image, and which."""

from datasets.base import Sample, Split
from datasets.holdout import train_val_split


def make_source(**groups):
    """A dataset of groups of images that are labelled alike."""
    kinds = {
        "boxes": ("detection",),
        "both": ("detection", "segmentation"),
        "depth": ("depth",),
    }
    samples = [
        Sample(f"{group}{i}.jpg", {kind: "" for kind in kinds[group]})
        for group, count in groups.items()
        for i in range(count)
    ]
    return Split("x", tuple(samples), {"segmentation": ("wall", "bed")})


def test_disjoint_and_complete_in_the_order_of_the_list():
    source = make_source(boxes=30, both=20)
    kept, taken = train_val_split(source, 0.2)
    assert sorted(s.image for s in kept.samples + taken.samples) == sorted(
        s.image for s in source.samples
    )
    for part in (kept, taken):
        assert list(part.samples) == [s for s in source.samples if s in part.samples]
        assert (part.name, part.classes, part.root) == ("x", source.classes, source.root)


def test_every_combination_of_labels_keeps_its_share():
    _, taken = train_val_split(make_source(boxes=30, both=20, depth=10), 0.2)
    names = [str(s.image) for s in taken.samples]
    counts = {g: sum(n.startswith(g) for n in names) for g in ("boxes", "both", "depth")}
    assert counts == {"boxes": 6, "both": 4, "depth": 2}


def test_at_least_one_of_each_on_both_sides():
    for share in (0.001, 0.999):
        for part in train_val_split(make_source(boxes=30, both=2), share):
            assert {tuple(s.labels) for s in part.samples} == {
                ("detection",),
                ("detection", "segmentation"),
            }


def test_a_single_image_is_trained_on():
    kept, taken = train_val_split(make_source(boxes=5, depth=1), 0.2)
    assert "depth0.jpg" in [s.image for s in kept.samples]
    assert len(taken.samples) == 1


def test_depends_on_nothing_but_the_list():
    first, second = (train_val_split(make_source(boxes=30, both=20), 0.2)[1] for _ in range(2))
    assert first.samples == second.samples
    numbers = [int(str(s.image)[5:-4]) for s in first.samples if len(s.labels) == 1]
    assert numbers != list(range(6))  # from all over the list


def test_usable_images_are_held_out_before_others():
    source = make_source(boxes=100)
    usable = {s.image for i, s in enumerate(source.samples) if i % 10 == 3}
    kept, taken = train_val_split(source, 0.05, lambda _, sample: sample.image in usable)
    assert len(taken.samples) == 5
    assert {s.image for s in taken.samples} <= usable
    _, taken = train_val_split(source, 0.2, lambda _, sample: sample.image in usable)
    assert len(taken.samples) == 20
    assert {s.image for s in taken.samples} >= usable
    assert kept.samples


def test_where_all_are_usable_few_are_read_and_the_choice_is_the_same():
    source, read = make_source(boxes=1000), []
    _, taken = train_val_split(source, 0.2, lambda _, sample: read.append(sample) or True)
    assert len(read) == 20
    assert taken.samples == train_val_split(source, 0.2)[1].samples
