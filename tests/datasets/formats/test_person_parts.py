"""Parts of people in PASCAL-Part's .mat."""

import numpy as np
import pytest
from scipy.io import savemat

from datasets.formats import Label
from datasets.formats.person_parts import CLASSES, PersonParts
from utils.errors import DataError

SIZE = (12, 16)
HEAD, TORSO, UPPER_ARM, LOWER_ARM, UPPER_LEG, LOWER_LEG = range(1, 7)
NAMES = {
    HEAD: ["hair", "head", "lear", "rear", "lebrow", "rebrow", "leye", "reye", "mouth", "nose"],
    TORSO: ["neck", "torso"],
    UPPER_ARM: ["luarm", "ruarm"],
    LOWER_ARM: ["llarm", "rlarm", "lhand", "rhand"],
    UPPER_LEG: ["luleg", "ruleg"],
    LOWER_LEG: ["llleg", "rlleg", "lfoot", "rfoot"],
}


def mask(rows, columns=slice(None), size=SIZE):
    result = np.zeros(size, np.uint8)
    result[rows, columns] = 1
    return result


def structs(*items):
    """A 1 x N array of structs, as Matlab's; an empty matrix where there are none."""
    if not items:
        return np.zeros((0, 0))
    array = np.empty((1, len(items)), [(field, object) for field in items[0]])
    for k, item in enumerate(items):
        array[0, k] = tuple(item.values())
    return array


def thing(number, **parts):
    return {
        "class": "person" if number == 15 else "another",
        "class_ind": number,
        "mask": np.ones(SIZE, np.uint8),
        "parts": structs(*({"part_name": n, "mask": m} for n, m in parts.items())),
    }


@pytest.fixture(params=[False, True], ids=["plain", "packed"])
def stored(tmp_path, request):
    """The label of an image with these objects."""

    def stored(*objects):
        anno = {"imname": "2008_000001", "objects": structs(*objects)}
        savemat(tmp_path / "a.mat", {"anno": anno}, do_compression=request.param)
        return Label(PersonParts(), (tmp_path / "a.mat",))

    return stored


def test_every_part_is_of_its_class(stored):
    assert CLASSES[0] == "background"
    for number, names in NAMES.items():
        for name in names:
            target = stored(thing(15, **{name: mask(slice(3, 5))})).read(SIZE)
            np.testing.assert_array_equal(target, number * mask(slice(3, 5)))
            assert target.dtype == np.uint8


def test_only_people_count_and_what_comes_later_is_in_front(stored):
    label = stored(
        thing(13, head=mask(slice(0, 12))),  # a horse's
        thing(15, torso=mask(slice(2, 8)), head=mask(slice(2, 4))),
        thing(15),
        thing(15, llleg=mask(slice(6, 10), slice(0, 8))),
    )
    expected = np.zeros(SIZE, np.uint8)
    expected[2:8], expected[2:4], expected[6:10, :8] = TORSO, HEAD, LOWER_LEG
    np.testing.assert_array_equal(label.read(SIZE), expected)
    assert label.format.stored_size(label) == SIZE


@pytest.mark.parametrize("objects", [(), (thing(3, wheel=mask(slice(2))),), (thing(15),)])
def test_without_a_part_of_a_person_all_is_background(stored, objects):
    label = stored(*objects)
    target = label.read(SIZE)
    assert target.shape == SIZE
    assert not target.any()
    assert label.format.stored_size(label) is None


def test_truth_values_are_masks_too(stored):
    target = stored(thing(15, head=mask(slice(2)).astype(bool))).read(SIZE)
    assert (target == HEAD).sum() == 2 * SIZE[1]


def test_it_is_stretched_to_the_image(stored):
    target = stored(thing(15, head=mask(slice(6)))).read((24, 32))
    np.testing.assert_array_equal(target, mask(slice(12), size=(24, 32)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is missing"),
        (b"", "cannot be read as a .mat"),
        (b"no mat" * 99, "cannot be read as a .mat"),
        ({"other": 1}, "holds no anno"),
        ({"anno": 1}, "anno is no struct"),
        ({"anno": {"imname": "a"}}, "its anno holds no objects"),
        ({"anno": {"objects": "words"}}, "its anno holds no objects"),
        ({"anno": {"objects": structs({"class_ind": "x"})}}, "an object has no class_ind"),
        ({"anno": {"objects": structs({"class_ind": 15})}}, "its anno holds no parts"),
        (thing(15, tail=mask(slice(2))), "people have no part 'tail'"),
        (thing(15, head=np.zeros((2, 2, 2), np.uint8)), "a part has no mask"),
        (thing(15, head=mask(2), torso=mask(2, size=(3, 4))), "of different sizes"),
    ],
)
def test_a_mat_that_is_none_is_named(tmp_path, content, says):
    path = tmp_path / "a.mat"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        anno = content if "class" not in content else {"anno": {"objects": structs(content)}}
        savemat(path, anno)
    with pytest.raises(DataError, match=says) as caught:
        Label(PersonParts(), (path,)).read(SIZE)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
