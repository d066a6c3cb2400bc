"""What a file would take is known before it is decoded."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.formats import decoding
from datasets.formats.images import read_image
from datasets.formats.npy_files import read_npy
from datasets.formats.pictures import read_picture
from datasets.formats.stored_maps import map_head
from utils.errors import DataError

ROOT = Path(__file__).parents[3]
KINDS = ("png", "jpg", "webp", "avif", "tiff", "jp2", "bmp", "gif", "ppm")
LOSSY = {"jpg": "JPEG", "webp": "WebP", "avif": "AVIF", "jp2": "JPEG 2000"}
MEGABYTES = """
import resource, sys
from pathlib import Path
from datasets.formats.pictures import read_picture
from datasets.formats.images import read_image
from utils.errors import DataError

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before = peak()
for path in sys.argv[1:]:
    for read in (read_image, read_picture):
        try:
            read(Path(path))
        except DataError:
            continue
        sys.exit(f"{path} was read")
print(peak() - before)
"""


def picture(path):
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(path)
    return path


def test_tiny_files_take_no_memory(tmp_path):
    """A chunk that claims 4 GB, be it any or the last, and sizes of 10 and 190 megapixels, of which
    hardly any are there: none takes more than the few megabytes of a decoder."""
    stored = picture(tmp_path / "whole.png").read_bytes()
    ends = stored.index(b"IEND")
    paths = []
    for name, place, new in (
        ("any", 33, b"\xff\xff\xff\xff"),
        ("last", ends - 4, b"\xff\xff\xff\xff"),
        ("large", 16, (3200).to_bytes(4, "big") * 2),
        ("huge", 16, (14_000).to_bytes(4, "big") * 2),
    ):
        paths.append(tmp_path / f"{name}.png")
        paths[-1].write_bytes(stored[:place] + new + stored[place + len(new) :])
    command = [sys.executable, "-c", MEGABYTES, *map(str, paths)]
    taken = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert int(taken) < 100


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        *((read_image, kind) for kind in KINDS),
        *((read, kind) for read in (read_picture, map_head) for kind in KINDS if kind not in LOSSY),
    ],
)
def test_every_kind_of_picture_has_a_budget(tmp_path, monkeypatch, kind, read):
    path = picture(tmp_path / f"a.{kind}")
    read(path)
    monkeypatch.setattr(decoding, "BUDGET", 20 * 30 * 6 - 1)
    with pytest.raises(DataError, match=rf"a\.{kind}: would take .* its size of 30 x 20"):
        read(path)


@pytest.mark.parametrize("kind", LOSSY)
def test_kinds_that_do_not_keep_numbers_are_no_labels(tmp_path, kind):
    """By their content: the suffix may say PNG."""
    path = picture(tmp_path / f"a.{kind}").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=rf"a\.png: {LOSSY[kind]} does not keep .* save .* as PNG"):
        read_picture(path)


def test_jpeg_in_a_tiff_is_no_label(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.full((20, 30), 90, np.uint8)).save(path, compression="jpeg")
    with pytest.raises(DataError, match=r"a\.tif: JPEG does not keep"):
        read_picture(path)


def test_arrays_have_a_budget(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.ones((20, 30)))
    monkeypatch.setattr(decoding, "BUDGET", 20 * 30 * 12)
    read_npy(tmp_path / "a.npy")
    monkeypatch.setattr(decoding, "BUDGET", 20 * 30 * 12 - 1)
    with pytest.raises(DataError, match=r"a\.npy: would take .* its size of 20 x 30"):
        read_npy(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><svg width="9" height="9">&b;</svg>',
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n" + bytes(99),
    ],
    ids=["a program", "XML", "a kind without a limit"],
)
@pytest.mark.parametrize("read", [read_image, read_picture])
def test_other_kinds_are_not_decoded(tmp_path, content, read):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: cannot be read as an image"


def test_a_jpeg_of_very_many_scans(tmp_path):
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG", progressive=True)
    stored, path = file.getvalue(), tmp_path / "a.jpg"
    path.write_bytes(stored)
    read_image(path)
    last = stored[stored.rindex(b"\xff\xda") : -2]
    path.write_bytes(stored[:-2] + 100 * last + stored[-2:])
    with pytest.raises(DataError, match="over 100 scans"):
        read_image(path)


@pytest.mark.parametrize("reason", [RuntimeError("a\nb"), MemoryError(), KeyError("x"), OSError()])
def test_whatever_a_library_raises_names_the_file(reason):
    with (
        pytest.raises(DataError, match=r"^a\.png: cannot be read as a map \(.+\)$"),
        decoding.decoding(Path("a.png"), "a map"),
    ):
        raise reason
