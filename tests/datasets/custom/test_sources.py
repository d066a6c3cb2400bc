import csv
import random
from unicodedata import normalize

import pytest

from datasets.custom.sources import find, row_count
from datasets.custom.tables import is_list
from utils.errors import DataError


def test_lists(folder):
    root = folder("a.jpg", images="a.jpg\n b c.jpg \nd.jpg\n\n", labels="-\nx.png\n-\n")
    assert is_list("images.txt")
    assert is_list("lists/{split}.txt")
    assert not is_list("labels/*.txt")
    assert not is_list("images/*.jpg")
    assert find(root, "images.txt") == {1: "a.jpg", 2: "b c.jpg", 3: "d.jpg"}
    assert find(root, "labels.txt") == {2: "x.png"}
    assert row_count(root, "images.txt") == row_count(root, "labels.txt") == 3


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "x" * 256, "x" * 2**20, "x/" * 600, "a\0b"]
)
def test_a_list_that_leads_out_of_its_folder(folder, name):
    root = folder("a.jpg", images=f"a.jpg\n{name}\n")
    with pytest.raises(DataError) as caught:
        find(root, "images.txt")
    assert str(caught.value).startswith(f"{root / 'images.txt'}:2: ")
    assert len(str(caught.value)) <= 600


def test_a_list_may_name_a_file_in_any_way_that_stays_in_its_folder(folder):
    root = folder("a/b.jpg", "a/b..jpg")
    (root / "link").symlink_to(root)
    names = [
        "a/../a/b.jpg",
        f"{root}/a/b.jpg",
        "a/./b..jpg",
        ".\\a\\b.jpg",
        '"a/b.jpg"',
        "'a/b.jpg' ",
    ]
    (root / "images.txt").write_text("\n".join(names))
    wanted = ["a/b.jpg", "a/b.jpg", "a/b..jpg", "a/b.jpg", "a/b.jpg", "a/b.jpg"]
    assert list(find(root, "images.txt").values()) == wanted
    assert list(find(root / "link", "images.txt").values()) == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_ends_of_lines(folder, encoding, end):
    root = folder("i/ä b.jpg")
    (root / "images.txt").write_bytes(end.join(["i/ä b.jpg", "-", ""]).encode(encoding))
    assert find(root, "images.txt") == {1: "i/ä b.jpg"}
    assert row_count(root, "images.txt") == 2


def test_an_encoding_that_is_not_told(folder):
    root = folder()
    (root / "images.txt").write_bytes("a.jpg\nä.jpg\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"images\.txt:2: is not UTF-8: save it as UTF-8"):
        find(root, "images.txt")


def test_names_as_the_disk_has_them(folder):
    """Without a suffix, in another case of it, and in another of Unicode's forms."""
    decomposed = normalize("NFD", "é")
    root = folder(
        "i/a.JPG", f"i{decomposed}/{decomposed}.jpg", "i/c.png", "i/0.5.png", "i/c.png.bak"
    )
    (root / "l.txt").write_text("i/a.jpg\nié/é.jpg\ni/c\ni/0.5\ni/none\ni/none.png\n")
    assert list(find(root, "l.txt").values()) == [
        "i/a.JPG",
        f"i{decomposed}/{decomposed}.jpg",
        *("i/c.png", "i/0.5.png", "i/none", "i/none.png"),
    ]
    folder("i/a.jpg")
    assert find(root, "l.txt")[1] == "i/a.jpg"
    folder("i/c.jpg")
    with pytest.raises(DataError, match=r"l\.txt:3: i/c may be i/c\.jpg or c\.png: write the n"):
        find(root, "l.txt")


class TestColumns:
    def test_words_of_a_text(self, folder):
        root = folder("i/a b.jpg")
        (root / "l.txt").write_text("i\\1.jpg d/1.png 518.8\n'i/a b.jpg'\tNone 518.8\n")
        assert find(root, "l.txt:1") == {1: "i/1.jpg", 2: "i/a b.jpg"}
        assert find(root, "l.txt:2") == {1: "d/1.png"}
        for column, says in (
            ("4", "l.txt:1: has 3 words, and column 4 is asked for"),
            ("0", "has no header: its columns are numbers from 1 on, not '0'"),
            ("depth", "not 'depth'"),
        ):
            with pytest.raises(DataError) as caught:
                find(root, f"l.txt:{column}")
            assert says in str(caught.value)

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_cells_of_a_csv(self, folder, delimiter, encoding):
        """Of random names, as the csv module writes them."""
        draw = random.Random(f"{delimiter}{encoding}")
        names = {"".join(draw.choices("ab ,;'é-", k=5)).strip(" '") + ".jpg" for _ in range(60)}
        rows = [[f"i/{name}", draw.choice(["", "-", "None", f"d/{name}"])] for name in names]
        root = folder()
        with open(root / "t.csv", "w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([["image", "depth"], *rows])
        assert list(find(root, "t.csv:image").values()) == [image for image, _ in rows]
        assert find(root, "t.csv:depth") == {
            n: depth for n, (_, depth) in enumerate(rows, 1) if depth not in ("", "-", "None")
        }

    @pytest.mark.parametrize(
        ("source", "text", "says"),
        [
            (
                "t.csv",
                "image,depth\na,b\n",
                "has the columns image, depth: name one, as in t.c",
            ),
            (
                "t.csv:dept",
                "image,depth\na,b\n",
                "no column 'dept', but image, depth; did you m",
            ),
            ("t.csv:a", "a,a\nx,y\n", "t.csv has several columns 'a': rename one"),
            ("t.csv:a", "a,b\nx,y\n1,2,3\n", "t.csv:3: has 3 cells, and the header 2; a cell that"),
            ("t.csv:a", "a,b\nx\n", "t.csv:2: has 1 cells, and the header 2"),
            ("t.csv:a", "a,b;c\nx,y;z\n", "t.csv:1: the header holds several of the delimiters"),
            ("t.csv:a", "a,b\n", "t.csv: the CSV has no row below its header"),
            ("t.csv:a", "", "t.csv: the CSV has no row below its header"),
            ("t.csv:a", 'a,b\n"x,y\n', "t.csv: cannot be read as a CSV"),
            ("t.csv:a", "a,b\n../../x,y\n", "t.csv:2: ../../x leads out of the dataset's folder"),
            ("t.csv:a", "a,b\n-,y\n", "t.csv names no file"),
            ("t.csv:a", "a,b\n\0,y\n", "t.csv:2: is not UTF-8: save it as UTF-8"),
        ],
    )
    def test_a_csv_that_is_refused(self, folder, source, text, says):
        root = folder()
        (root / "t.csv").write_text(text)
        with pytest.raises(DataError) as caught:
            find(root, source)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


def test_lists_that_are_none(folder):
    root = folder(empty=" \n\n", gap="a\n\nb\n", nothing="-\n-\n")
    for name, says in (
        ("missing", "is missing"),
        ("empty", "is empty"),
        ("gap", "gap.txt:2: the line is empty"),
        ("nothing", "names no file"),
    ):
        with pytest.raises(DataError, match=says):
            find(root, f"{name}.txt")
    (root / "bytes.txt").write_bytes(b"\xff\xfe\x81")
    with pytest.raises(DataError, match=r"bytes\.txt:1: is not UTF-8"):
        find(root, "bytes.txt")
