"""A folder with files of these names, which hold nothing, and with texts."""

import pytest


@pytest.fixture
def folder(tmp_path):
    """Makes files with these names, and returns the folder that they are in."""

    def make(*names, **texts):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, text in texts.items():
            (tmp_path / f"{name}.txt").write_text(text)
        return tmp_path

    return make
