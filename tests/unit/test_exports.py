"""Further forms of the masks: COCO's run-length codes, and how sure each pixel is."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools.coco import COCO

from cuewalk.coco import coco_annotations, coco_categories, coco_image
from cuewalk.datasets.record import Record
from cuewalk.evaluate.background import predict
from cuewalk.evaluate.confidence import confidence

SIDES = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = SIDES.flatmap(lambda side: arrays(np.uint8, side, elements=st.sampled_from([0, 1, 2, 254])))


def by_hand(counts: str, height: int, width: int) -> np.ndarray:
    """Decodes COCO's compressed code after the published description, without its library.

    Runs of 0 and 1 in turn, down the columns; each length in base 32 from the lowest digit, a sign
    per digit told from ASCII 48 on, bit 5 for more digits to come, bit 4 of the last one for a
    negative number; from the fourth run on, the difference to the run before the last.
    """
    runs: list[int] = []
    place = 0
    while place < len(counts):
        value, shift, more = 0, 0, True
        while more:
            digit = ord(counts[place]) - 48
            value |= (digit & 31) << shift
            more, place, shift = bool(digit & 32), place + 1, shift + 5
            if not more and digit & 16:
                value |= -1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    flat = np.concatenate([np.full(run, i % 2, np.uint8) for i, run in enumerate(runs)])
    return flat.reshape(width, height).T


@given(masks)
def test_annotations_hold_the_mask(mask: np.ndarray) -> None:
    found = coco_annotations(mask, 7, 3)
    assert [one["category_id"] for one in found] == sorted(set(mask[mask > 0].tolist()))
    assert [one["id"] for one in found] == list(range(3, 3 + len(found)))
    for one in found:
        area = mask == one["category_id"]
        height, width = mask.shape
        assert np.array_equal(by_hand(one["segmentation"]["counts"], height, width), area)
        rows, columns = np.nonzero(area)
        left, top = columns.min(), rows.min()
        assert one["bbox"] == [left, top, columns.max() - left + 1, rows.max() - top + 1]
        assert one["area"] == area.sum()
        assert (one["image_id"], one["iscrowd"]) == (7, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_library_of_coco_reads_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kept = {1: rng.integers(0, 3, (20, 30), np.uint8), 2: np.zeros((5, 8), np.uint8)}
    annotations = []
    for id, mask in kept.items():
        annotations += coco_annotations(mask, id, len(annotations) + 1)
    records = {
        id: Record(f"p{id}", f"deep/p{id}.jpg", (), (), *mask.shape, "")
        for id, mask in kept.items()
    }
    content = {
        "categories": coco_categories(["dog", "hot dog"]),
        "images": [coco_image(id, one, f"shard/{one.id}.png") for id, one in records.items()],
        "annotations": annotations,
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    coco = COCO(str(tmp_path / "coco.json"))
    assert coco.getCatIds(["hot dog"]) == [2]
    for id, mask in kept.items():
        (image,) = coco.loadImgs(id)
        assert (image["height"], image["width"]) == mask.shape
        decoded = np.zeros_like(mask)
        for one in coco.loadAnns(coco.getAnnIds(id)):
            decoded[coco.annToMask(one) == 1] = one["category_id"]
        assert np.array_equal(decoded, mask)


planes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(0, 1, width=32))
)


@given(planes)
def test_confidence_is_the_share_of_the_winner(scores: np.ndarray) -> None:
    background, classes = scores[0], scores[1:]
    found = confidence(classes, background)
    winner = predict(classes, background, range(len(classes)))  # label k is plane k
    for place in np.ndindex(*found.shape):
        all_planes = [float(plane[place]) for plane in scores]
        total = sum(all_planes)
        expected = all_planes[winner[place]] / total if total else 1 / len(scores)
        assert found[place] == pytest.approx(expected, rel=1e-6)
        assert 1 / len(scores) * (1 - 1e-9) <= found[place] <= 1


def test_confidence_at_its_ends() -> None:
    background = np.array([[1.0, 0.5, 0.0, 0.0]])
    planes = np.array([[[0.0, 0.5, 1.0, 0.0]]])
    assert confidence(planes, background).tolist() == [[1.0, 0.5, 1.0, 0.5]]
