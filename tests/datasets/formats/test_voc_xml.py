"""VOC annotations, whole and damaged."""

import numpy as np
import pytest

from datasets.formats import Label
from datasets.formats.voc_xml import VocXml, read_voc_xml
from tasks.detection import Detection
from tests.labels import read
from utils.errors import DataError

TASK = Detection(("chair", "sofa", "table"))

OBJECT = """
  <object>
    <name>{name}</name><difficult>{difficult}</difficult>
    <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>
    </part>
    <bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>
  </object>"""


def an_object(name="chair", box=(10, 20, 30, 40), difficult=0):
    x1, y1, x2, y2 = box
    return OBJECT.format(name=name, difficult=difficult, x1=x1, y1=y1, x2=x2, y2=y2)


def annotation(*objects, size="<size><width>64</width><height>48</height></size>"):
    return f"<annotation>{size}{''.join(objects)}</annotation>"


@pytest.fixture
def write(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "000001.xml"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_size_and_objects(write):
    path = write(annotation(an_object(), an_object("sofa", (1, 1, 64, 48), difficult=1)))
    size, objects = read_voc_xml(path)
    assert size == (48, 64)
    assert objects[0] == ("chair", (9, 19, 30, 40), False, False)
    assert objects[1] == ("sofa", (0, 0, 64, 48), True, False)


def test_no_objects(write):
    assert read_voc_xml(write(annotation())) == ((48, 64), [])


def test_one_pixel_and_fractions(write):
    _, objects = read_voc_xml(write(annotation(an_object(box=(5, 6, 5, 6)))))
    assert objects[0].box == (4, 5, 5, 6)
    _, objects = read_voc_xml(write(annotation(an_object(box=(5.5, 6.25, 9.75, 10)))))
    assert objects[0].box == (4.5, 5.25, 9.75, 10)


def test_boxes_past_the_image_are_clipped(write):
    _, objects = read_voc_xml(write(annotation(an_object(box=(0, -5, 80, 20)))))
    assert objects[0].box == (0, 0, 64, 20)
    assert objects[0].clipped


def test_difficult_may_be_left_out(write):
    text = annotation(an_object()).replace("<difficult>0</difficult>", "")
    assert not read_voc_xml(write(text))[1][0].difficult


@pytest.mark.parametrize(
    "empty", ["<difficult/>", "<difficult></difficult>", "<difficult> </difficult>"]
)
def test_difficult_may_be_empty(write, empty):
    text = annotation(an_object()).replace("<difficult>0</difficult>", empty)
    assert not read_voc_xml(write(text))[1][0].difficult


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "iso-8859-15", "windows-1252"])
def test_encodings_that_the_file_declares(write, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + annotation(an_object("Stühle"))
    assert read_voc_xml(write(text, encoding))[1][0].name == "Stühle"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_that_a_mark_tells(write, encoding):
    path = write(annotation(an_object("Stühle")), encoding)
    assert read_voc_xml(path)[1][0].name == "Stühle"


def test_a_namespace(write):
    plain = annotation(an_object("sofa", difficult=1), an_object())
    expected = read_voc_xml(write(plain))
    for declared in ('xmlns="http://a.example/voc"', 'xmlns="urn:voc" xmlns:x="urn:x" x:by="me"'):
        text = plain.replace("<annotation>", f"<annotation {declared}>")
        assert read_voc_xml(write(text)) == expected
    assert (
        read_voc_xml(
            write(
                plain.replace("<", "<v:")
                .replace("<v:/", "</v:")
                .replace("<v:annotation>", '<v:annotation xmlns:v="urn:v">')
            )
        )
        == expected
    )


@pytest.mark.parametrize(
    "size", ["", "<size/>", "<size><width>0</width><height>0</height><depth>0</depth></size>"]
)
class TestWithoutASize:
    def test_boxes_are_pixels_of_the_image(self, write, size):
        path = write(annotation(an_object("sofa", (11, 21, 65, 40)), size=size))
        label = Label(VocXml(TASK.classes), (path,))
        assert label.format.stored_size(label) is None
        assert label.format.decided(label) == {
            "boxes": "pixels counted from 1, both ends included; of the image as it is, for the "
            "file has no size",
            "classes": "by name",
        }
        np.testing.assert_array_equal(label.read((96, 128)), [[10, 20, 65, 40, 1, 0]])
        np.testing.assert_array_equal(label.read((48, 64)), [[10, 20, 64, 40, 1, 0]])

    def test_a_box_past_the_image_is_that_of_another_size(self, write, size):
        path = write(annotation(an_object("sofa", (11, 21, 100, 40)), size=size))
        with pytest.raises(DataError) as caught:
            read(TASK, path, (48, 64))
        assert str(caught.value) == (
            f"{path}: has no <size>, and the box of 'sofa' reaches past the image of 64 x 48 "
            "pixels: write the size of the image that the boxes are for"
        )

    def test_a_box_beside_the_image(self, write, size):
        path = write(annotation(an_object("sofa", (70, 21, 100, 40)), size=size))
        with pytest.raises(DataError, match="'sofa', 70 21 100 40, is empty or lies outside"):
            read(TASK, path, (48, 64))


def test_width_and_height_interchanged(write):
    path = write(annotation(an_object()))
    with pytest.raises(DataError) as caught:
        read(TASK, path, (64, 48))
    assert str(caught.value).startswith(
        f"{path}: is for an image of 64 x 48 pixels, but the image has 48 x 64: "
    )


def test_what_the_file_says(write):
    path = write(annotation(an_object("sofa"), an_object("divan"), an_object("sofa")))
    label = Label(VocXml(TASK.classes), (path,))
    assert label.format.class_names(label) == {"sofa", "divan"}
    assert label.format.decided(label) == {
        "boxes": "pixels counted from 1, both ends included",
        "classes": "by name",
    }


@pytest.mark.parametrize("seed", range(3))
def test_random_objects_are_read_back(write, seed):
    generator = np.random.default_rng(seed)
    starts = generator.integers(1, (40, 30), (20, 2))
    ends = np.minimum(starts + generator.integers(0, 30, (20, 2)), (64, 48))
    names = generator.choice(TASK.classes, 20)
    difficult = generator.integers(0, 2, 20)
    rows = zip(names, np.hstack([starts, ends]).tolist(), difficult, strict=True)
    boxes = read(TASK, write(annotation(*(an_object(*row) for row in rows))), (48, 64))
    indices = [TASK.classes.index(name) for name in names]
    np.testing.assert_array_equal(
        boxes, np.hstack([starts - 1, ends, np.stack([indices, difficult], axis=1)])
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no element found"),
        ("\0\1\2", "XML"),
        (annotation(an_object())[:150], "XML"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "XML"),
        ("<html><body/></html>", "<html>"),
        (annotation(size="<size><width>64</width></size>"), "size/height"),
        (annotation(size="<size><width>0</width><height>48</height></size>"), "0 x 48"),
        (annotation(size="<size><width>wide</width><height>48</height></size>"), "'wide'"),
        (annotation("<object><name>chair</name></object>"), "bndbox/xmin"),
        (annotation(an_object(name="")), "<name>"),
        (annotation(an_object(box=(30, 20, 10, 40))), "'chair', 30 20 10 40"),
        (annotation(an_object(box=(10, 40, 30, 20))), "'chair'"),
        (annotation(an_object(box=(70, 10, 90, 20))), "outside the image of 64 x 48"),
        (annotation(an_object(box=("nan", 20, 30, 40))), "'nan'"),
        (annotation(an_object(box=(10, 20, "inf", 40))), "'inf'"),
        (annotation(an_object(box=("", 20, 30, 40))), "''"),
        (annotation(an_object(difficult="maybe")), "'maybe'"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_s_name(write, text, complaint):
    path = write(text)
    with pytest.raises(DataError) as error:
        read_voc_xml(path)
    assert str(error.value).startswith(f"{path}: ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>',
        '<!DOCTYPE a [<!ENTITY y SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a SYSTEM "http://localhost/voc.dtd">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_are_refused(write, declaration, encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    path = write(head + declaration + annotation(an_object("&y;")), encoding)
    with pytest.raises(DataError, match="DOCTYPE"):
        read_voc_xml(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match=r"none\.xml: "):
        read_voc_xml(tmp_path / "none.xml")
    with pytest.raises(DataError, match="directory"):
        read_voc_xml(tmp_path)


def test_targets_hold_the_box_the_class_and_whether_it_is_difficult(write):
    path = write(annotation(an_object("sofa", (11, 21, 30, 40), difficult=1)))
    boxes = read(TASK, path, (48, 64))
    assert boxes.dtype == np.float32
    np.testing.assert_array_equal(boxes, [[10, 20, 30, 40, 1, 1]])
    np.testing.assert_array_equal(read(TASK, path, (96, 128)), [[20, 40, 60, 80, 1, 1]])


def test_an_image_without_objects_is_as_one_without_a_label(write):
    boxes, unlabelled = read(TASK, write(annotation()), (48, 64)), TASK.unlabelled_target((48, 64))
    assert boxes.shape == unlabelled.shape == (0, 6)
    assert boxes.dtype == unlabelled.dtype == np.float32


def test_an_unknown_class_is_named_with_those_known(write):
    path = write(annotation(an_object("zebra")))
    with pytest.raises(DataError, match=r"1\.xml: unknown class 'zebra'.*chair, sofa, table"):
        read(TASK, path, (48, 64))
    path = write(annotation(an_object("chairs")))
    with pytest.raises(DataError, match=r"unknown class 'chairs'; did you mean chair\?"):
        read(TASK, path, (48, 64))
