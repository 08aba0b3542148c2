"""Backgrounds and the masks they lead to."""

import numpy as np
import pytest

from cuewalk.errors import InputError
from cuewalk.evaluate.background import Background, predict

CUES = np.array([[[0.0, 0.2, 1.0]], [[0.0, 0.5, 0.3]]], dtype=np.float32)


def test_planes() -> None:
    alpha = Background("inside", alpha=2).plane(CUES)
    np.testing.assert_allclose(alpha, [[1, 0.25, 0]])
    constant = Background("after", constant=0.2).plane(CUES)
    assert constant.dtype == np.float32
    np.testing.assert_allclose(constant, [[0.2, 0.2, 0.2]])


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"alpha": 4, "place": "inside"}, "alpha 4 inside"),
        ({"alpha": 7.5, "place": "after"}, "alpha 7.5 after"),
        ({"constant": 0.2}, "constant 0.20"),
        ({"constant": 0.125, "place": "after"}, "constant 0.125"),
    ],
)
def test_parse_and_name(entry: dict[str, object], name: str) -> None:
    assert Background.parse(entry).name == name


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"alpha": 4}, "lacks place"),
        ({"place": "after"}, "exactly one"),
        ({"alpha": 4, "constant": 0.2, "place": "after"}, "exactly one"),
        ({"alpha": 4, "place": "before"}, "'before' is unknown"),
        ({"alpha": 0, "place": "after"}, "alpha is 0"),
        ({"alpha": float("nan"), "place": "after"}, "alpha is nan"),
        ({"alpha": "4", "place": "after"}, "alpha is '4'"),
        ({"alpha": True, "place": "after"}, "alpha is True"),
        ({"constant": 1.5}, "constant is 1.5"),
        ({"constant": 0.2, "place": "inside"}, "place it after"),
        ({"constant": 0.2, "beta": 4}, "unknown key beta"),
    ],
)
def test_bad_entries(entry: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Background.parse(entry)


def test_predict_maps_planes_to_label_ids() -> None:
    background = np.array([[0.6, 0.4, 0.3]], dtype=np.float32)
    mask = predict(CUES, background, [5, 14])
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, [[0, 15, 6]])


def test_ties_go_to_the_background_then_to_the_earlier_plane() -> None:
    planes = np.array([[[0.4, 0.4]], [[0.4, 0.4]]])
    np.testing.assert_array_equal(predict(planes, np.array([[0.4, 0.1]]), [2, 9]), [[0, 3]])


def test_predict_without_classes_and_with_the_wrong_number() -> None:
    assert not predict(np.zeros((0, 2, 3)), np.zeros((2, 3)), []).any()
    with pytest.raises(ValueError, match="1 class ids for 2 planes"):
        predict(CUES, np.zeros((1, 3)), [5])
