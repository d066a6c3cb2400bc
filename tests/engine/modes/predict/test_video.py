"""Videos: read and written frame by frame."""

import json

import cv2
import numpy as np
import pytest

from engine import predict
from engine.modes.predict.pipeline import in_order
from engine.modes.predict.video import VideoWriter

FRAMES, SIZE = 6, (46, 62)


@pytest.fixture
def video(tmp_path, image):
    """A video of a few frames that differ."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE[::-1])
    for number in range(FRAMES):
        writer.write(image(number, SIZE))
    writer.release()
    return path


def frames_of(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame[..., ::-1])


def test_a_video_becomes_videos_and_a_file_a_frame(tmp_path, video, predict_mode, network):
    out = tmp_path / "out"
    assert predict_mode(video, out, "--batch_size", "2") == 0
    originals = frames_of(video)
    for number, frame in enumerate(originals, start=1):
        expected = predict(*network, np.ascontiguousarray(frame))
        depth = np.load(out / f"depth/npy/clip.avi/{number:06}.npy")
        np.testing.assert_allclose(depth, expected["depth"], atol=1e-3)
    assert len(list((out / "depth/npy/clip.avi").iterdir())) == FRAMES == len(originals)
    drawn = frames_of(out / "segmentation-VOC/pictures/clip.mp4")
    assert len(drawn) == FRAMES
    assert drawn[0].shape[:2] == SIZE
    assert len(frames_of(out / "sheets/clip.mp4")) == FRAMES
    content = json.loads((out / "predictions.json").read_text())
    (entry,) = content["inputs"]
    assert (entry["frames"], entry["rate"], entry["height"]) == (FRAMES, 10, SIZE[0])
    assert entry["files"]["depth"]["npy"] == "depth/npy/clip.avi/%06d.npy"
    assert entry["files"]["depth"]["pictures"] == "depth/pictures/clip.mp4"
    coco = json.loads((out / "detection/instances.json").read_text())
    assert [i["file_name"] for i in coco["images"]][:2] == [
        "clip.avi/000001.png", "clip.avi/000002.png",
    ]  # fmt: skip
    assert not list(out.rglob("*.tmp"))


def test_a_video_that_is_no_video_is_named_and_the_others_are_done(
    tmp_path, video, predict_mode, capsys
):
    (tmp_path / "bad.mp4").write_bytes(b"nothing")
    words = ["--save", "pictures", "--batch_size", "4"]
    assert predict_mode([tmp_path / "bad.mp4", video], tmp_path / "out", *words) == 1
    assert "bad.mp4: OpenCV cannot open it as a video" in capsys.readouterr().err
    assert len(frames_of(tmp_path / "out/depth/pictures/clip.mp4")) == FRAMES
    assert predict_mode(video, tmp_path / "out", *words) == 1
    assert "clip.mp4: is there already" in capsys.readouterr().err


def test_a_video_that_is_cut_off_is_named(tmp_path, video, predict_mode, capsys):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert predict_mode(cut, tmp_path / "out", "--save", "maps") == 1
    assert "cut.avi: " in capsys.readouterr().err


def test_a_picture_of_odd_sides_gets_a_pixel_more(tmp_path, image):
    """MP4 wants even ones, and OpenCV would cut a pixel off."""
    writer = VideoWriter(tmp_path / "odd.mp4", 25.0)
    writer.add(image(0, (47, 63)))
    writer.close(keep=True)
    assert [frame.shape[:2] for frame in frames_of(writer.path)] == [(48, 64)]
    assert [path.name for path in tmp_path.iterdir()] == ["odd.mp4"]


def test_a_camera_that_is_not_there(tmp_path, predict_mode, capsys):
    assert predict_mode("97", tmp_path / "out") == 2
    assert "97: OpenCV cannot open it" in capsys.readouterr().err


def test_no_more_is_read_than_memory_has_room_for():
    from concurrent.futures import ThreadPoolExecutor

    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield taken[-1]

    with ThreadPoolExecutor(2) as threads:
        results = in_order(threads, lambda n: n * n, endless(), ahead=3)
        assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
        assert len(taken) <= 5 + 3
