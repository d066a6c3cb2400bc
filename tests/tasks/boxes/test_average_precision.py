"""AP against VOC's definition written out, and against pycocotools where the two agree."""

import numpy as np
import pytest

from tasks.boxes.average_precision import IOU_THRESHOLDS, average_precision

CLASSES = 3


def rows(*values, width):
    return np.array(values, dtype=np.float32).reshape(-1, width)


def result(*values):
    """Detections (x1, y1, x2, y2, class, score)."""
    array = rows(*values, width=6)
    return np.insert(array, 5, 0, axis=1)


def truth(*values):
    return rows(*values, width=6)


def crowded(rng, images):
    """Objects that overlap one another, some difficult, and detections scattered around them."""
    detections, truths = [], []
    for _ in range(images):
        objects, guesses = rng.integers(0, 6), rng.integers(0, 25)
        corner = rng.uniform(0, 30, (objects, 2))
        target = np.column_stack(
            [
                corner,
                corner + rng.uniform(20, 50, (objects, 2)),
                rng.integers(0, CLASSES, objects),
                rng.random(objects) < 0.25,
            ]
        )
        guess = rng.uniform(0, 60, (guesses, 7))
        guess[:, 2:4] += guess[:, :2] + 5
        guess[:, 4] = rng.integers(0, CLASSES, guesses)
        if objects:
            near = (rng.random(guesses) < 0.8).nonzero()[0]
            guess[near, :5] = target[rng.integers(0, objects, len(near)), :5]
            guess[near, :4] += rng.normal(0, 3, (len(near), 4))
        guess[:, 6] = rng.uniform(0, 1, guesses)
        detections.append(guess.astype(np.float32))
        truths.append(target.astype(np.float32))
    return detections, truths


def iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def voc_reference(detections, truths, category, threshold):
    """VOC's development kit in words: one detection after the other, and the area step by step."""
    ranked = [
        (row[6], image, row[:4].astype(float))
        for image, guesses in enumerate(detections)
        for row in guesses
        if row[4] == category
    ]
    objects = sum(np.sum((t[:, 4] == category) & (t[:, 5] == 0)) for t in truths)
    taken, hits, misses, curve = set(), 0, 0, [(0.0, 0.0)]
    for _, image, box in sorted(ranked, key=lambda item: -item[0]):
        rivals = [(iou(box, t[:4].astype(float)), i) for i, t in enumerate(truths[image])]
        rivals = [(o, i) for o, i in rivals if truths[image][i, 4] == category]
        overlap, index = max(rivals, key=lambda rival: rival[0], default=(-1, -1))
        if overlap >= threshold and truths[image][index, 5]:
            continue
        if overlap >= threshold and (image, index) not in taken:
            taken.add((image, index))
            hits += 1
        else:
            misses += 1
        curve.append((hits / objects, hits / (hits + misses)))
    total = 0.0
    for i in range(1, len(curve)):
        total += (curve[i][0] - curve[i - 1][0]) * max(precision for _, precision in curve[i:])
    return total


@pytest.mark.parametrize("seed", range(3))
def test_ap_is_vocs(seed):
    detections, truths = crowded(np.random.default_rng(seed), 15)
    ap = average_precision(detections, truths, CLASSES)
    assert 0.05 < ap.mean() < 0.95
    for category in range(CLASSES):
        for column, threshold in enumerate(IOU_THRESHOLDS):
            expected = voc_reference(detections, truths, category, threshold)
            assert ap[category, column] == pytest.approx(expected, abs=1e-12)


def scattered(rng, images):
    """Objects that do not touch, so that no detection has a second choice, and at most one
    detection of each difficult object: then VOC and COCO match alike."""
    detections, truths = [], []
    for _ in range(images):
        cells = rng.permutation(9)[: rng.integers(1, 9)]
        corner = np.stack([cells % 3, cells // 3], axis=1) * 100 + rng.uniform(
            5, 20, (len(cells), 2)
        )
        target = np.column_stack(
            [
                corner,
                corner + rng.uniform(30, 75, (len(cells), 2)),
                rng.integers(0, CLASSES, len(cells)),
                rng.random(len(cells)) < 0.2,
            ]
        )
        guess = np.repeat(target, np.where(target[:, 5] > 0, 1, rng.integers(0, 4, len(cells))), 0)
        guess[:, :4] += rng.normal(0, 3, (len(guess), 4))
        swapped = rng.random(len(guess)) < 0.1
        guess[swapped, 4] = rng.integers(0, CLASSES, swapped.sum())
        guess = np.column_stack([guess, rng.uniform(0, 1, len(guess))])
        detections.append(guess.astype(np.float32))
        truths.append(target.astype(np.float32))
    return detections, truths


def mean_over_101_recalls(precision, recall):
    """COCO's AP of a class: the precision at recalls 0, 0.01, …, 1."""
    index = np.searchsorted(recall, np.linspace(0, 1, 101))
    return np.append(precision, 0)[index].mean()


def pycocotools_ap(detections, truths):
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    beyond = 1e9  # COCO ignores objects of another area than asked for, as VOC the difficult ones
    data = coco.COCO()
    data.dataset = {
        "images": [{"id": image} for image in range(len(truths))],
        "categories": [{"id": category} for category in range(CLASSES)],
        "annotations": [
            {
                "image_id": image,
                "category_id": int(row[4]),
                "bbox": corner_and_size(row),
                "area": beyond if row[5] else 1.0,
                "iscrowd": 0,
            }
            for image, target in enumerate(truths)
            for row in target
        ],
    }
    for number, item in enumerate(data.dataset["annotations"]):
        item["id"] = number + 1
    data.createIndex()
    results = data.loadRes(
        [
            {
                "image_id": image,
                "category_id": int(row[4]),
                "bbox": corner_and_size(row),
                "score": float(row[6]),
            }
            for image, guesses in enumerate(detections)
            for row in guesses
        ]
    )
    evaluation = cocoeval.COCOeval(data, results, "bbox")
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, beyond / 10]], ["all"]
    evaluation.params.maxDets = [1000]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"]  # thresholds, recalls, classes, areas, limits
    return precision[:, :, :, 0, 0].mean(axis=1).T


def corner_and_size(row):
    x1, y1, x2, y2 = row[:4].astype(float)
    return [x1, y1, x2 - x1, y2 - y1]


@pytest.mark.parametrize("seed", range(3))
def test_ap_is_pycocotools_where_the_definitions_meet(seed):
    detections, truths = scattered(np.random.default_rng(seed), 40)
    ours = average_precision(detections, truths, CLASSES, summary=mean_over_101_recalls)
    theirs = pycocotools_ap(detections, truths)
    assert 0.05 < theirs.mean() < 0.95
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_ap_is_near_pycocotools_with_vocs_area_too():
    detections, truths = scattered(np.random.default_rng(5), 60)
    ours = average_precision(detections, truths, CLASSES)
    np.testing.assert_allclose(ours, pycocotools_ap(detections, truths), atol=0.02)


def test_a_curve_worked_out_by_hand():
    """Right, wrong, right, of three objects: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3."""
    truths = [truth((0, 0, 10, 10, 0, 0), (20, 0, 30, 10, 0, 0), (40, 0, 50, 10, 0, 0))]
    detections = [
        result((0, 0, 10, 10, 0, 0.9), (60, 0, 70, 10, 0, 0.8), (20, 0, 30, 10, 0, 0.7)),
    ]
    ap = average_precision(detections, truths, 1)
    np.testing.assert_allclose(ap, np.full((1, 10), 1 / 3 * 1 + 1 / 3 * 2 / 3))


def test_an_iou_equal_to_the_threshold_is_enough():
    ap = average_precision([result((0, 0, 10, 5, 0, 0.9))], [truth((0, 0, 10, 10, 0, 0))], 1)
    np.testing.assert_array_equal(ap[0], [1] + [0] * 9)


def test_a_second_detection_of_an_object_is_wrong():
    twice = [result((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.8), (20, 0, 30, 10, 0, 0.7))]
    ap = average_precision(twice, [truth((0, 0, 10, 10, 0, 0), (20, 0, 30, 10, 0, 0))], 1)
    np.testing.assert_allclose(ap, 0.5 * 1 + 0.5 * 2 / 3)


def test_difficult_objects_count_neither_way():
    easy, hard = (0, 0, 10, 10, 0, 0), (20, 0, 30, 10, 0, 1)
    on_hard, on_easy = (20, 0, 30, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.5)
    detections = [result(on_hard, on_hard, on_hard, on_easy)]
    assert (average_precision(detections, [truth(easy, hard)], 1) == 1).all()
    assert (average_precision([result(on_easy)], [truth(easy, hard)], 1) == 1).all()
    assert np.isnan(average_precision(detections, [truth(hard)], 1)).all()


def test_a_detection_of_another_class_or_image_does_not_match():
    box = (0, 0, 10, 10)
    truths = [truth((*box, 0, 0)), truth()]
    assert (average_precision([result((*box, 1, 0.9)), result()], truths, 2)[0] == 0).all()
    assert (average_precision([result(), result((*box, 0, 0.9))], truths, 2)[0] == 0).all()


def test_classes_without_objects_have_no_ap():
    detections = [result((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 10, 2, 0.9))]
    ap = average_precision(detections, [truth((0, 0, 10, 10, 0, 0), (0, 0, 10, 10, 1, 0))], 3)
    assert (ap[0] == 1).all()
    assert (ap[1] == 0).all()
    assert np.isnan(ap[2]).all()


def test_no_images_and_no_objects():
    assert np.isnan(average_precision([], [], 2)).all()
    assert np.isnan(average_precision([result()], [truth()], 2)).all()


def test_the_order_of_the_images_does_not_matter():
    detections, truths = crowded(np.random.default_rng(7), 30)
    ap = average_precision(detections, truths, CLASSES)
    turned = average_precision(detections[::-1], truths[::-1], CLASSES)
    np.testing.assert_allclose(ap, turned, atol=1e-12)
