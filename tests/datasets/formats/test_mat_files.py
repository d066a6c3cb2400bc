"""Structs in a .mat are those that scipy reads."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from datasets.formats.mat_files import read_structs


def plain(value):
    """What scipy reads, as this program has it: an array of structs as a list of dicts."""
    if value.dtype.names:
        flat = value.ravel(order="F")
        return [{field: plain(item[field]) for field in value.dtype.names} for item in flat]
    if value.dtype.kind == "U":
        return "".join(value.tolist())
    return value


def assert_same(ours, theirs):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert list(one) == list(other)
            for field in one:
                assert_same(one[field], other[field])
    elif isinstance(theirs, str):
        assert ours == theirs
    else:
        np.testing.assert_array_equal(ours, theirs)
        assert ours.shape == theirs.shape


def array(shape, *fields):
    return np.empty(shape, [(field, object) for field in fields])


@pytest.mark.parametrize("packed", [False, True])
def test_they_are_what_scipy_reads(tmp_path, packed):
    rng = np.random.default_rng(0)
    inner = array((1, 2), "name", "mask")
    inner[0, 0] = "left arm", rng.integers(0, 2, (5, 7)).astype(np.uint8)
    inner[0, 1] = "ümlaut", rng.random((3, 4)) > 0.5
    outer = array((2, 2), "a", "longer_name", "parts")
    for k, place in enumerate(np.ndindex(2, 2)):
        outer[place] = k, np.arange(k), inner if k % 2 else np.zeros((0, 0))
    savemat(tmp_path / "a.mat", {"x": 1, "anno": outer, "y": "z"}, do_compression=packed)
    ours = read_structs((tmp_path / "a.mat").read_bytes(), "anno")
    assert_same(ours, plain(loadmat(tmp_path / "a.mat")["anno"]))


def test_what_is_of_another_class_is_left_out(tmp_path):
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = "a", np.ones(3)
    savemat(tmp_path / "a.mat", {"anno": {"cells": cells, "waves": np.ones(2, complex), "n": 3}})
    [anno] = read_structs((tmp_path / "a.mat").read_bytes(), "anno")
    assert anno["cells"] is None
    assert anno["waves"] is None
    assert anno["n"] == 3


def test_structs_without_end_are_cut(tmp_path):
    value = {"n": 1}
    for _ in range(20):
        value = {"inner": value}
    savemat(tmp_path / "a.mat", {"anno": value})
    [anno] = read_structs((tmp_path / "a.mat").read_bytes(), "anno")
    depth = 0
    while anno:
        [anno], depth = anno["inner"] or [None], depth + 1
    assert 2 < depth < 20


def test_there_may_be_none(tmp_path):
    savemat(tmp_path / "a.mat", {"other": 1})
    assert read_structs((tmp_path / "a.mat").read_bytes(), "anno") is None
    savemat(tmp_path / "a.mat", {"anno": np.ones((2, 2))})
    with pytest.raises(ValueError, match="anno is no struct"):
        read_structs((tmp_path / "a.mat").read_bytes(), "anno")
