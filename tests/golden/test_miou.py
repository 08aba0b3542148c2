"""Confusion, IoU and mean IoU against two references, exact.

data/miou.npz: four VOC label maps, one class predicted but never true.
data/voc_miou.npz: four maps of random labels, all classes but one.
"""

from pathlib import Path

import numpy as np

from cuewalk.evaluate.confusion import class_iou, confusion, mean_iou, pixel_counts

DATA = Path(__file__).parent / "data"
CLASSES = 21


def test_photographs_of_different_sizes() -> None:
    golden = np.load(DATA / "miou.npz")
    matrix = np.sum(
        [confusion(golden[f"gt{i}"], golden[f"pred{i}"], CLASSES) for i in range(4)], axis=0
    )
    np.testing.assert_array_equal(matrix, golden["hist"])
    assert mean_iou(pixel_counts(matrix)) == golden["miou_ath"]
    # The reference gives a class that is predicted but never true an IoU of 0, we give NaN.
    occurs = matrix.sum(axis=1) > 0
    iou = class_iou(pixel_counts(matrix))
    np.testing.assert_array_equal(iou[occurs], golden["cls_iou"][occurs])
    assert np.isnan(iou[~occurs]).all()
    assert golden["cls_iou"][7] == 0 and not occurs[7]


def test_random_labels() -> None:
    golden = np.load(DATA / "voc_miou.npz")
    pairs = zip(golden["voc_gt"], golden["voc_pred"], strict=True)
    matrix = np.sum([confusion(*pair, CLASSES) for pair in pairs], axis=0)
    occurs = matrix.sum(axis=1) > 0
    np.testing.assert_array_equal(
        class_iou(pixel_counts(matrix))[occurs], golden["voc_iou"][occurs]
    )
    assert mean_iou(pixel_counts(matrix)) == golden["voc_mIoU"]
    assert np.trace(matrix) / matrix.sum() == golden["voc_pixel_accuracy"]
