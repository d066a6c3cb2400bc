"""Which images and labels of a section belong together, serve for what, and which are left over."""

import csv
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from tests.labels import custom_dataset
from utils.errors import UserError

NAMES = ["0001", "0002", "0003", "0004"]


@pytest.fixture
def lab(tmp_path):
    """A `dataset_root` with the folder lab: images of these names, and a depth map for each."""

    def make(names=NAMES, images="images", depth="depth", suffix=".png"):
        for folder in (images, depth):
            (tmp_path / "lab" / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            Image.new("RGB", (4, 3)).save(tmp_path / "lab" / images / f"{name}.jpg")
            stored = np.full((3, 4), 1000, np.uint16)
            Image.fromarray(stored).save(tmp_path / "lab" / depth / f"{name}{suffix}", "png")
        return tmp_path

    return make


def depths(**values):
    keys = {"images": "images/*.jpg", "depth": "depth/*.png", "depth_unit": "0.001"}
    return custom_dataset("lab", **keys | values)


def pairs(listed):
    """The name of each image and of its label, without suffixes."""
    return [
        (s.image.stem, s.labels["depth"].file.stem if s.labels else None) for s in listed.samples
    ]


def refusal(section, root, split="train"):
    with pytest.raises(UserError) as caught:
        section.read(root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestPatterns:
    def test_suffixes_in_capitals(self, lab):
        """Case 10: two suffixes in capitals, and a label without an image."""
        root = lab()
        lab(["0005", "0006"], suffix=".PNG")
        (root / "lab/depth/0099.png").touch()
        listed = depths().read(root, "train")
        assert pairs(listed) == [(name, name) for name in (*NAMES, "0005", "0006")]
        assert listed.samples[-1].labels["depth"].read((3, 4)).tolist() == [[1.0] * 4] * 3
        unmatched = listed.unmatched["depth"]
        assert (unmatched.count, unmatched.example) == (1, "depth/0099.png")

    def test_the_same_name_in_both_cases_is_refused(self, lab):
        root = lab()
        lab(["0003"], suffix=".PNG")
        assert "depth/0003.PNG and depth/0003.png both match depth/*.png" in refusal(depths(), root)

    def test_names_that_were_decomposed(self, lab):
        root = lab(["a"])
        composed, decomposed = normalize("NFC", "é"), normalize("NFD", "é")
        for place, name in (("images", f"{composed}.jpg"), ("depth", f"{decomposed}.png")):
            (root / "lab" / place / f"a.{name[-3:]}").rename(root / "lab" / place / name)
        (root / "lab" / "depth").rename(root / "lab" / f"tief{decomposed}")
        listed = depths(depth=f"tief{composed}/*.png").read(root, "train")
        assert [bool(sample.labels) for sample in listed.samples] == [True]
        assert not listed.unmatched

    def test_folders_with_brackets(self, lab):
        root = lab(images="run[1]/i", depth="run[1]/d")
        message = refusal(depths(images="run[1]/i/*.jpg", depth="run[1]/d/*.png"), root)
        assert "wildcards" not in message
        assert "`run[[]1]/i/*.jpg`, as [[] stands for the sign [" in message
        listed = depths(images="run[[]1]/i/*.jpg", depth="run[[]1]/d/*.png").read(root, "train")
        assert pairs(listed) == [(name, name) for name in NAMES]
        listed = depths(root="lab/run[1]", images="i/*.jpg", depth="d/*.png").read(root, "train")
        assert pairs(listed) == [(name, name) for name in NAMES]


class TestUnmatched:
    def test_none(self, lab):
        root = lab()
        (root / "lab/depth/0001.png").unlink()
        assert not depths().read(root, "train").unmatched

    @pytest.mark.parametrize(
        ("image", "label", "reason"),
        [
            ("Ab", "aB", "it differs from images/Ab.jpg in the case of its letters alone"),
            ("f_0007", "f_7", "it differs from images/f_0007.jpg in the zeros before its numbers"),
            ("a b", "a-b", "it differs from images/a b.jpg in signs and blanks alone"),
            ("c", "dd", ""),
        ],
    )
    def test_a_name_that_nearly_matches(self, lab, image, label, reason):
        root = lab()
        (root / f"lab/images/{image}.jpg").touch()
        for name in ("zz", label):
            (root / f"lab/depth/{name}.png").touch()
        unmatched = depths().read(root, "train").unmatched["depth"]
        assert unmatched.count == 2
        assert unmatched.example == f"depth/{label}.png"
        assert unmatched.reason.startswith(reason)
        assert bool(unmatched.reason) == bool(reason)

    def test_train_and_test_count_together(self, lab):
        root = lab()
        (root / "lab/depth/0099.png").touch()
        for split in ("train", "test"):
            assert depths(split="0.25").read(root, split).unmatched["depth"].count == 1
        root = lab(["0005"], images="val", depth="depth")
        (root / "lab/images").rename(root / "lab/train")
        section = depths(images="{split}/*.jpg", split="train val")
        for split in ("train", "test"):
            assert section.read(root, split).unmatched["depth"].count == 1

    def test_each_split_counts_its_own(self, lab):
        root = lab(["0001"], "train/i", "train/d")
        lab(["0002"], "val/i", "val/d")
        (root / "lab/val/d/0001.png").touch()
        section = depths(images="{split}/i/*.jpg", depth="{split}/d/*.png", split="train val")
        assert not section.read(root, "train").unmatched
        assert section.read(root, "test").unmatched["depth"].example == "val/d/0001.png"

    def test_a_list_of_classes_beside_the_labels_is_none(self, lab):
        root = lab()
        for name in (*NAMES, "classes"):
            (root / f"lab/images/{name}.txt").touch()
        section = custom_dataset(
            "lab", images="images/*.jpg", detection="images/*.txt", classes="a"
        )
        assert not section.read(root, "train").unmatched


class TestIds:
    @pytest.mark.parametrize(
        "lines",
        [
            ["0003", "0001"],
            ["0003 -1", "0001  1"],
            ["images/0003.jpg", "images\\0001.jpg"],
            ["0003.jpg", "'0001'", '"images/0001"'],
            ["./images/0003", "/0001"],
        ],
    )
    def test_the_images_of_a_list_in_its_order(self, lab, lines):
        root = lab()
        (root / "lab/train.txt").write_text("\n".join(lines))
        listed = depths(ids="train.txt").read(root, "train")
        assert pairs(listed) == [("0003", "0003"), ("0001", "0001")]
        assert not listed.unmatched, "a label whose image is not taken belongs to it all the same"

    def test_a_list_for_each_split(self, lab):
        root = lab()
        (root / "lab/train.txt").write_text("0001\n0002\n0001\n")
        (root / "lab/val.txt").write_text("0004")
        section = depths(ids="{split}.txt", split="train val")
        train, test = (section.read(root, split) for split in ("train", "test"))
        assert [name for name, _ in pairs(train)] == ["0001", "0002"]
        assert [name for name, _ in pairs(test)] == ["0004"]
        assert train.decided == {"ids": "1 line names an image again: the first line counts"}
        assert not test.decided

    def test_ids_in_folders(self, lab):
        root = lab(["1", "2"], "images/a", "depth/a")
        lab(["1"], "images/b", "depth/b")
        section = depths(images="images/*/*.jpg", depth="depth/*/*.png", ids="l.txt")
        (root / "lab/l.txt").write_text("b/1\n2\n")
        listed = section.read(root, "train")
        assert [str(s.image.relative_to(root / "lab")) for s in listed.samples] == [
            "images/b/1.jpg",
            "images/a/2.jpg",
        ]
        (root / "lab/l.txt").write_text("b/1\n1\n")
        assert "l.txt:2: 1 is the id of several images, such as images/a/1.jpg and images/b/1" in (
            refusal(section, root)
        )

    @pytest.mark.parametrize(
        ("values", "says"),
        [
            ({}, "train.txt:2: 00O3 is the id of no image; did you mean 0003?"),
            ({"ids": "no.txt"}, "no.txt: the file is missing"),
            ({"ids": "*.txt"}, "ids wants a list, as in `ids = train.txt`, not *.txt"),
            ({"ids": "{split}.txt"}, "what {split} stands for is missing: `split = train val`"),
            ({"images": "train.txt", "depth": "train.txt"}, "images = train.txt is a list"),
        ],
    )
    def test_mistakes(self, lab, values, says):
        root = lab()
        (root / "lab/train.txt").write_text("0001\n00O3\n")
        with pytest.raises(UserError) as caught:
            depths(**{"ids": "train.txt"} | values).read(root, "train")
        assert says in str(caught.value)


class TestTables:
    def table(self, root, rows, name="t.csv"):
        with open(root / "lab" / name, "w", newline="") as file:
            csv.writer(file).writerows(rows)

    def rows(self):
        return [[f"images/{n}.jpg", f"depth/{n}.png"] for n in NAMES]

    def test_columns_of_a_csv_with_a_column_for_the_split(self, lab):
        root = lab()
        words = ["train", "val", "train", "spare"]
        rows = [[*row, word] for row, word in zip(self.rows(), words, strict=True)]
        rows[2][1] = "-"
        self.table(root, [["image", "depth", "subset"], *rows])
        values = {"images": "t.csv:image", "depth": "t.csv:depth", "split": "train val"}
        section = depths(**values, split_column="subset")
        train, test = (section.read(root, split) for split in ("train", "test"))
        assert pairs(train) == [("0001", "0001"), ("0003", None)]
        assert pairs(test) == [("0002", "0002")]
        assert test.decided["split"] == (
            "rows whose subset is val; 1 row of 'spare' serves for nothing"
        )
        assert not train.unmatched
        message = refusal(depths(**values, split_column="subst"), root)
        assert message.endswith(
            "has no column 'subst', but image, depth, subset; did you mean subset?"
        )
        values["split"] = "train test"
        message = refusal(depths(**values, split_column="subset"), root, "test")
        assert "has 'test' in the column subset, but 'train', 'val', 'spare'" in message

    def test_columns_of_a_text(self, lab):
        root = lab()
        (root / "lab/l.txt").write_text("".join(f"{a} {b} 518.8\n" for a, b in self.rows()))
        listed = depths(images="l.txt:1", depth="l.txt:2").read(root, "train")
        assert pairs(listed) == [(name, name) for name in NAMES]

    def test_an_image_that_is_named_twice(self, lab):
        root = lab()
        self.table(root, [["i", "d"], *self.rows(), *self.rows()[:2]])
        section = depths(images="t.csv:i", depth="t.csv:d", split="0.5")
        train, test = (section.read(root, split) for split in ("train", "test"))
        assert sorted(pairs(train) + pairs(test)) == [(name, name) for name in NAMES]
        assert train.decided == {
            "twice": "2 lines name an image again: the first line counts",
            "split": "0.5 of the images to test on, by a hash of their names, evenly of those "
            "labelled alike",
        }
        self.table(root, [["i", "d"], *self.rows(), ["images/0002.jpg", "depth/0003.png"]])
        path = root / "lab/t.csv"
        assert (
            f"{path}:3 and {path}:6 name the image images/0002.jpg with different labels of "
            in (refusal(section, root))
        )

    @pytest.mark.parametrize(
        ("values", "says"),
        [
            ({"split_column": "s", "split": "a b"}, "images = images/*.jpg names no column"),
            ({"images": "t.csv:i", "depth": "t.csv:d", "split_column": "s"}, "words in the column"),
            (
                {"images": "t.csv", "depth": "t.csv:d"},
                "has the columns i, d: name one, as in t.csv:i",
            ),
        ],
    )
    def test_mistakes(self, lab, values, says):
        root = lab()
        self.table(root, [["i", "d"], *self.rows()])
        with pytest.raises(UserError) as caught:
            depths(**values).read(root, "train")
        assert says in str(caught.value)
