"""SSD's coding against torchvision's, and the overlap of pairs."""

import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_convert, box_iou

from tasks.boxes.coding import anchors_in_pixels, decode, paired_iou

# torchvision multiplies by weights where SSD divides by variances of 0.1 and 0.2.
CODER = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))


def random_anchors(count, size=100.0):
    return torch.rand(count, 4) * size + torch.tensor([0.0, 0.0, 2.0, 2.0])


def random_boxes(count):
    return box_convert(random_anchors(count), "cxcywh", "xyxy")


def test_decode_is_torchvisions():
    torch.manual_seed(0)
    anchors, offsets = random_anchors(500), 5 * torch.randn(500, 4)
    expected = CODER.decode_single(offsets, box_convert(anchors, "cxcywh", "xyxy"))
    torch.testing.assert_close(decode(offsets, anchors), expected, rtol=1e-4, atol=1e-3)


def test_decode_undoes_encoding():
    torch.manual_seed(1)
    anchors, boxes = random_anchors(500), random_boxes(500)
    offsets = CODER.encode_single(boxes, box_convert(anchors, "cxcywh", "xyxy"))
    torch.testing.assert_close(decode(offsets, anchors), boxes, rtol=1e-4, atol=1e-2)


def test_no_offset_is_the_anchor():
    anchors = random_anchors(5)
    expected = box_convert(anchors, "cxcywh", "xyxy")
    torch.testing.assert_close(decode(torch.zeros(2, 5, 4), anchors), expected.expand(2, 5, 4))


def test_extreme_offsets_give_finite_boxes_with_an_area():
    offsets = torch.tensor([[0.0, 0.0, 1e6, 1e6], [0.0, 0.0, -1e6, -1e6], [1e4, -1e4, 1e6, -1e6]])
    boxes = decode(offsets, torch.tensor([50.0, 50.0, 32.0, 32.0]))
    assert boxes.isfinite().all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_anchors_in_pixels_follow_height_and_width():
    shares = torch.tensor([[0.5, 0.25, 0.1, 1.0]])
    expected = torch.tensor([[320.0, 120.0, 64.0, 480.0]])
    torch.testing.assert_close(anchors_in_pixels(shares, (480, 640)), expected)


def test_paired_iou_is_torchvisions():
    torch.manual_seed(2)
    first, second = random_boxes(300), random_boxes(300)
    torch.testing.assert_close(paired_iou(first, second), box_iou(first, second).diagonal())
    torch.testing.assert_close(paired_iou(first[:, None], second), box_iou(first, second))


def test_paired_iou_of_special_pairs():
    box = torch.tensor([10.0, 10.0, 20.0, 30.0])
    temporary = torch.tensor([20.0, 10.0, 30.0, 30.0])
    point = torch.tensor([15.0, 15.0, 15.0, 15.0])
    assert paired_iou(box, box) == 1
    assert paired_iou(box, temporary) == 0
    assert paired_iou(point, point) == 0
