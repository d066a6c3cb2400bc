"""Text in the encodings that people's editors and tools write."""

import codecs

import pytest

from datasets.formats.text_files import read_text
from utils.errors import DataError

TEXT = "Stühle/0001.jpg\r\nbolt 春\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_byte_order_mark_tells_the_encoding(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT.encode(encoding))
    assert read_text(path, "a list", 2**10) == TEXT


@pytest.mark.parametrize(
    ("mark", "order"), [(codecs.BOM_UTF16_BE, "be"), (codecs.BOM_UTF16_LE, "le")]
)
def test_either_order_of_bytes(tmp_path, mark, order):
    path = tmp_path / "a.txt"
    path.write_bytes(mark + TEXT.encode(f"utf-16-{order}"))
    assert read_text(path, "a list", 2**10) == TEXT


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        ("one\nStühle\n".encode("latin-1"), 2),
        ("one\n".encode("utf-16-le"), 1),
        (codecs.BOM_UTF16_LE + "one\ntwo\n".encode("utf-16-le")[:-1], 2),
        (b"one\n\x00\n", 2),
    ],
)
def test_another_encoding_is_refused_with_its_line(tmp_path, stored, line):
    path = tmp_path / "a.txt"
    path.write_bytes(stored)
    with pytest.raises(DataError) as caught:
        read_text(path, "a list", 2**10)
    assert str(caught.value) == f"{path}:{line}: is not UTF-8: save it as UTF-8"


def test_missing_and_too_large_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.txt: the file is missing"):
        read_text(tmp_path / "no.txt", "a list", 2**10)
    (tmp_path / "a.txt").write_text("x" * 20)
    with pytest.raises(DataError, match=r"a\.txt: cannot be read as a list \(it has 20 bytes"):
        read_text(tmp_path / "a.txt", "a list", 10)
