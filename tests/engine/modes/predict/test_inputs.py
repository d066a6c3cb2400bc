"""What `--input` names, and what the outputs of it are called."""

from pathlib import Path

import pytest

from engine.modes.predict.inputs import find_sources
from utils.errors import ConfigError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Makes empty files with these names in the working folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return make


def stems(*words, output="out"):
    return {source.address: source.stem for source in find_sources(words, Path(output))}


def test_a_folder_with_its_subfolders(files):
    files("in/b.jpg", "in/a.PNG", "in/sub/a.png", "in/notes.txt", "in/.hidden.png", "in/.git/a.png")
    files("in/out/depth/a.png", "in/film.mov")
    found = find_sources(["in"], Path("in/out"))
    assert [s.name for s in found] == ["a.PNG", "b.jpg", "film.mov", "sub/a.png"]
    assert [s.is_video for s in found] == [False, False, True, False]


def test_names_begin_where_the_inputs_part(files):
    files("x/y/a.jpg", "x/z/a.jpg", "x/z/w/b.jpg")
    assert stems("x/y/a.jpg") == {"x/y/a.jpg": "a"}
    assert stems("x/y", "x/z/a.jpg") == {"x/y/a.jpg": "y/a", "x/z/a.jpg": "z/a"}
    assert set(stems("x").values()) == {"y/a", "z/a", "z/w/b"}


def test_no_two_have_one_name(files):
    files("a.jpg", "a.png", "a.jpg.png", "b.jpg", "clip.avi", "clip.mp4", "c.png.jpg")
    names = stems("a.jpg", "a.png", "a.jpg.png", "b.jpg", "clip.avi", "clip.mp4", "c.png.jpg")
    assert list(names.values()) == [
        "a.jpg", "a.png", "a.jpg.png", "b", "clip.avi", "clip.mp4", "c.png",
    ]  # fmt: skip


def test_a_file_that_is_named_twice_is_predicted_once(files):
    files("a.jpg")
    Path("list.txt").write_text("a.jpg\n./a.jpg\n")
    assert stems("list.txt", "a.jpg", "./a.jpg") == {"a.jpg": "a"}


def test_cameras_and_streams(files):
    for word, stem in (("0", "camera0"), ("rtsp://host/live", "stream")):
        (source,) = find_sources([word], Path("out"))
        assert source.is_live
        assert source.stem == stem
    files("7")
    assert not find_sources(["7"], Path("out"))[0].is_live, "a file is called so"


@pytest.mark.parametrize("text", ["", "\n# nothing\n"])
def test_an_empty_list(files, text):
    files("a.jpg")
    Path("list.txt").write_text(text)
    with pytest.raises(Exception, match="names no file"):
        find_sources(["list.txt"], Path("out"))


def test_nothing_at_all(files):
    with pytest.raises(ConfigError, match="names nothing"):
        find_sources([], Path("out"))
