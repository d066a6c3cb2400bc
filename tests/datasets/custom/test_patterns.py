import random
import re

import pytest

from datasets.custom.patterns import matches, wildcards
from utils.errors import DataError


def keys(folder, pattern):
    return {name: key for key, name in matches(folder, pattern).items()}


def test_a_key_is_what_the_wildcards_matched(folder):
    root = folder("b/x_rgb.png", "b/y_rgb.png", "a/x_rgb.png", "a/x_depth.png", "a/z_rgb.jpg")
    assert keys(root, "*/*_rgb.png") == {
        "a/x_rgb.png": ("a", "x"),
        "b/x_rgb.png": ("b", "x"),
        "b/y_rgb.png": ("b", "y"),
    }
    assert list(matches(root, "*/*_rgb.png")) == [("a", "x"), ("b", "x"), ("b", "y")]
    assert keys(root, "a/?_rgb.png") == {"a/x_rgb.png": ("x",)}
    assert keys(root, "a/[xyz]_*.png") == {
        "a/x_depth.png": ("x", "depth"),
        "a/x_rgb.png": ("x", "rgb"),
    }
    assert keys(root, "a/[!x]_rgb.jpg") == {"a/z_rgb.jpg": ("z",)}
    assert keys(root, "a/z_rgb.jpg") == {"a/z_rgb.jpg": ()}


def test_folders_in_folders(folder):
    root = folder("i/1.jpg", "i/a/2.jpg", "i/a/b/3.jpg", "j/a/4.jpg")
    assert keys(root, "i/**/*.jpg") == {
        "i/1.jpg": ("", "1"),
        "i/a/2.jpg": ("a/", "2"),
        "i/a/b/3.jpg": ("a/b/", "3"),
    }
    assert keys(root, "**/4.jpg") == {"j/a/4.jpg": ("j/a/",)}


def test_any_ending(folder):
    root = folder("i/a.jpg", "i/b.PNG", "i/c.d.jpeg", "i/.hidden.jpg", "i/none")
    assert keys(root, "i/*.*") == {"i/a.jpg": ("a",), "i/b.PNG": ("b",), "i/c.d.jpeg": ("c.d",)}
    assert wildcards("i/*.*") == wildcards("i/*.jpg") == 1
    folder("i/a.png")
    with pytest.raises(DataError, match=r"i/a\.jpg and i/a\.png both match i/\*\.\*"):
        matches(root, "i/*.*")


@pytest.mark.filterwarnings("error")
def test_sets_of_any_signs(folder):
    root = folder("i/^.jpg", "i/a.jpg", "i/[.jpg", "i/&.jpg", "i/|.jpg", "i/~.jpg", "i/\\.jpg")
    assert set(keys(root, r"i/[^[&|~\].jpg")) == {f"i/{sign}.jpg" for sign in "^[&|~\\"}
    assert set(keys(root, "i/[!&&||].jpg")) == {f"i/{sign}.jpg" for sign in "^a[~\\"}


def test_names_with_signs_that_mean_something_elsewhere(folder):
    root = folder("i (1)/a+b$.jpg", "i (1)/{x}^.jpg")
    assert keys(root, "i (1)/*.jpg") == {
        "i (1)/a+b$.jpg": ("a+b$",),
        "i (1)/{x}^.jpg": ("{x}^",),
    }


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("a.jpg", 0), ("*/*.jpg", 2), ("**/*.*", 2), ("[ab]?*.png", 3), ("***.jpg", 1)],
)
def test_wildcards(pattern, count):
    assert wildcards(pattern) == count


def test_every_match_can_be_put_back_into_the_pattern(folder):
    draw = random.Random(0)
    names = ["".join(draw.choices("ab_.", k=4)).strip(".") + ".x" for _ in range(200)]
    root = folder(*{f"d/{name}" for name in names if name[0] != "."})
    for pattern in ("d/*.x", "d/*_*.x", "d/a*b*.x", "d/?*.x"):
        for name, key in keys(root, pattern).items():
            texts = iter(key)
            assert re.sub(r"\*|\?", lambda _, texts=texts: next(texts), pattern) == name


def test_a_pattern_without_files_says_what_is_there(folder):
    root = folder("images/a.jpeg", "images/b.jpeg", "masks/a.png", "boxes/1", "boxes/2", "boxes/3")

    def refusal(pattern):
        with pytest.raises(DataError) as caught:
            matches(root, pattern)
        return str(caught.value)

    assert f"images/*.jpg matches no file below {root}; {root}/images holds a.jpeg, b.jpeg" == (
        refusal("images/*.jpg")
    )
    assert f": {root} has no folder image, but boxes, images, masks" in refusal("image/*.jpg")
    folder("c/4", "d/5")
    assert "has no folder image, but boxes, c, d and 2 more" in refusal("image/*.jpg")
    assert "[z-a].jpg is no pattern" in refusal("images/[z-a].jpg")
