"""Masks of colours, and the tables that say what the colours are."""

import numpy as np
import pytest
from PIL import Image

from datasets.formats import Label
from datasets.formats.colour_masks import ColourMask
from tasks.segmentation import VOID
from utils.errors import ConfigError, DataError

CLASSES = ("sky", "road", "street lamp")
COLOURS = ((128, 128, 128), (128, 64, 128), (0, 0, 64))
WORDS = ("128,128,128", "128,64,128", "0,0,64")
MASK = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)

TABLES = {
    "plain": "sky 128 128 128\nroad 128 64 128\nstreet lamp 0 0 64\ncar 64 0 128\n",
    "camvid": "name,r,g,b\nsky,128,128,128\nroad,128,64,128\nstreet lamp,0,0,64\ncar,64,0,128",
    "cvat": "# label:color_rgb:parts:actions\ncar:64,0,128::\nsky:128,128,128::\n"
    "road:128,64,128::\nstreet lamp:0,0,64:post,bulb:\n",
    "spaced": '\ufeffName, R, G, B\r\n"sky", 128, 128, 128\r\nroad\t128\t64\t128\r\n'
    "street lamp; 0; 0; 64\r\ncar 64 0 128\r\n",
}


@pytest.fixture
def picture(tmp_path):
    """Saves a picture of colours, (H, W, 3), in a mode of Pillow's."""

    def save(colours, mode="RGB", name="a.png", **options):
        image = Image.fromarray(np.asarray(colours, np.uint8))
        image = image if mode == "RGB" else image.convert(mode)
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def coloured(mask, colours=COLOURS):
    return np.array(colours, np.uint8)[mask]


def read(path, colours=WORDS, classes=CLASSES, size=None):
    size = size or Image.open(path).size[::-1]
    return Label(ColourMask(classes, colours=colours), (path,)).read(size)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("seed", range(3))
def test_any_colours_are_read_back(picture, mode, seed):
    generator = np.random.default_rng(seed)
    numbers = generator.choice(2**24, 50, replace=False)
    colours = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1)
    mask = generator.integers(0, 50, (20, 30))
    words = tuple(",".join(map(str, colour)) for colour in colours)
    result = read(picture(coloured(mask, colours), mode), words, tuple(map(str, range(50))))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, mask)


def test_a_palette_is_read_as_its_colours(tmp_path):
    image = Image.fromarray(np.array([[7, 3], [0, 7]], np.uint8), "P")
    image.putpalette(coloured([1, 2, 2, 2, 2, 2, 2, 0]).tobytes())
    image.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").tolist() == [[0, 2], [1, 0]]


def test_tiff(picture):
    np.testing.assert_array_equal(read(picture(coloured(MASK), name="a.tif")), MASK)


def test_greys_are_colours(picture):
    path = picture([[[0] * 3, [255] * 3]], "L")
    assert read(path, ("0,0,0", "255,255,255"), ("no", "yes")).tolist() == [[0, 1]]


def test_another_size_is_stretched_to_the_image(picture):
    result = read(picture(coloured(MASK)), size=(4, 6))
    np.testing.assert_array_equal(result, MASK.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_other_tools(picture, tmp_path, kind):
    (tmp_path / "table.txt").write_text(TABLES[kind])
    path = picture([*coloured(MASK), [(64, 0, 128)] * 3])
    words = ColourMask.located({"colours": ("table.txt",)}, tmp_path)["colours"]
    result = read(path, words)
    np.testing.assert_array_equal(result, [*MASK, [VOID] * 3])
    a = Label(ColourMask(CLASSES, colours=words), (path,))
    assert a.format.decided(a) == {
        "classes": "128,128,128 sky, 128,64,128 road, 0,0,64 street lamp",
        "void": "64,0,128 car",
    }


def test_what_was_decoded_depends_on_what_the_table_says(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(TABLES["plain"])
    key = ColourMask(CLASSES, colours=(str(path),)).fingerprint
    path.write_text(TABLES["plain"].replace("0 0 64", "0 0 65"))
    assert ColourMask(CLASSES, colours=(str(path),)).fingerprint != key


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (WORDS[:2], "2 colours for 3 classes"),
        ((*WORDS[:2], "0,0"), "'0,0' is no colour"),
        ((*WORDS[:2], "0,0,256"), "'0,0,256' is no colour"),
        ((*WORDS[:2], "red"), "'red' is no colour"),
        ((*WORDS[:2], WORDS[0]), "'sky' and 'street lamp' have one colour, 128,128,128"),
        (("none.txt",), "none.txt: the file is missing"),
    ],
)
def test_words_that_are_no_table(words, says):
    with pytest.raises(ConfigError, match=says) as caught:
        ColourMask(CLASSES, colours=words)
    assert caught.value.option == "colours"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sky 1 2 3\nroad 1 2\n", r"table.txt:2: is 'road 1 2', a line says `name r g b`"),
        ("sky 1 2 3\nroad 1 2 300\n", r"table.txt:2: is 'road 1 2 300'"),
        ("r,g,b,name\n1,2,3,sky\n", r"table.txt:1: is 'r,g,b,name'"),
        ("sky 1 2 3\nsky 1 2 4\n", r"table.txt:2: names 'sky' a second time"),
        ("sky 1 2 3\nroads 1 2 4\nstreet lamp 0 0 0", "class 'road'; did you mean roads?"),
        ("sky 1 2 3\nroad 1 2 4\nstreet lamp 0 0 0\ncar 1 2 3", "'sky' and 'car' have one col"),
        ("", "has no line for the class 'sky'; there are none"),
        ("sky 1 2 3\nro\0ad 1 2 4", "table.txt:2: is not UTF-8"),
    ],
)
def test_files_that_are_no_table(tmp_path, text, says):
    (tmp_path / "table.txt").write_text(text)
    with pytest.raises(ConfigError, match=says):
        ColourMask(CLASSES, colours=(str(tmp_path / "table.txt"),))


def test_a_colour_that_the_table_lacks(picture):
    colours = coloured(MASK)
    colours[1, 2] = (120, 64, 130)
    with pytest.raises(DataError) as caught:
        read(path := picture(colours))
    assert str(caught.value) == (
        f"{path}: 1 pixels have a colour that `segmentation_colours` does not name: the one in row "
        "1, column 2 is 120,64,130, and the nearest is 128,64,128 ('road')"
    )


def test_transparent_pixels(picture):
    colours = np.concatenate([coloured(MASK), np.full((2, 3, 1), 255, np.uint8)], axis=2)
    colours[1, 0, 3] = 254
    with pytest.raises(DataError, match="the pixel in row 1, column 0 is transparent"):
        read(picture(colours, "RGBA"))


def test_files_that_keep_no_colours(picture, tmp_path):
    with pytest.raises(DataError, match=r"a\.png: JPEG does not keep the numbers of a label"):
        read(picture(coloured(MASK), format="JPEG"))
    Image.fromarray(MASK.astype(np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png: has more than 8 bits a channel"):
        read(tmp_path / "b.png")


def test_damaged_files(picture):
    path = picture(coloured(MASK))
    stored = path.read_bytes()
    for damaged in (b"", stored[:40], stored[:-20], stored.replace(b"IDAT", b"IDAX")):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.png: "):
            read(path, size=(2, 3))
