"""The area and its interval, by hand and by drawing photographs one by one; published figures."""

import numpy as np
import pytest

from cuewalk.evaluate.confusion import resampled_sums
from cuewalk.evaluate.curves import LEVELS, auc, bootstrap_auc, sums_by_owner
from cuewalk.evaluate.published import (
    TABLE_2,
    TABLE_3,
    imagenet_segmentation,
    imagenet_val,
)

EXPLAINERS = {"relevance", "rollout", "raw_attention", "gradcam", "lrp", "partial_lrp"}


def hits(count: int, seed: int = 0) -> np.ndarray:
    """Right and wrong answers that get rarer and rarer, (count, 10) bool."""
    return np.random.default_rng(seed).random((count, 10)) < np.linspace(0.9, 0.1, 10)


def test_levels() -> None:
    np.testing.assert_allclose(LEVELS, np.arange(10) / 10, rtol=0, atol=1e-15)


def test_area_by_hand() -> None:
    assert auc(np.ones(10)) == pytest.approx(0.9, abs=1e-15)
    assert auc(np.zeros(10)) == 0
    # The ends count half, the others whole.
    for level in range(10):
        weight = 0.05 if level in (0, 9) else 0.1
        assert auc(np.eye(10)[level]) == pytest.approx(weight, abs=1e-15)
    # The area under a straight line is exact: 1 - x over 0..0.9.
    assert auc(1 - np.array(LEVELS)) == pytest.approx(0.9 - 0.9**2 / 2, abs=1e-15)


def test_areas_of_many_curves() -> None:
    curves = np.random.default_rng(0).random((2, 3, 10))
    areas = auc(curves)
    assert areas.shape == (2, 3)
    assert areas[1, 2] == auc(curves[1, 2])


@pytest.mark.parametrize("levels", [9, 11])
def test_area_needs_ten_levels(levels: int) -> None:
    with pytest.raises(ValueError, match="10 levels"):
        auc(np.ones(levels))


def test_sums_by_owner() -> None:
    rows = np.arange(10).reshape(5, 2)
    sums = sums_by_owner(rows, np.array([7, 3, 7, 3, 9]))
    np.testing.assert_array_equal(sums, [[2 + 6, 3 + 7], [0 + 4, 1 + 5], [8, 9]])
    with pytest.raises(ValueError, match="owners"):
        sums_by_owner(rows, np.arange(4))
    with pytest.raises(ValueError, match="owners"):
        sums_by_owner(rows[:0], np.arange(0))


def test_interval_by_drawing_photographs_one_by_one() -> None:
    answers = hits(60)
    owner = np.random.default_rng(1).integers(0, 25, 60) * 3
    rng, areas = np.random.default_rng(2), []
    photographs = np.unique(owner)
    for _ in range(4000):
        drawn = rng.choice(photographs, len(photographs))
        rows = np.concatenate([answers[owner == photograph] for photograph in drawn])
        areas.append(auc(rows.mean(axis=0)))
    expected = np.quantile(areas, [0.025, 0.975])
    found = bootstrap_auc(answers, owner, samples=4000, seed=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)


def test_classes_of_a_photograph_are_drawn_together() -> None:
    # Two photographs, one always right and explained thrice, one always wrong and explained once.
    answers = np.array([[1] * 10] * 3 + [[0] * 10])
    owner = np.array([5, 5, 5, 8])
    assert bootstrap_auc(answers, owner, level=1.0) == pytest.approx((0.0, 0.9))
    # Half of the draws hold both, and 3 of 4 rows of these are right.
    assert bootstrap_auc(answers, owner, level=0.4) == pytest.approx((0.675, 0.675))


def test_the_order_of_rows_does_not_matter() -> None:
    answers, owner = hits(30), np.arange(30) // 2
    shuffled = np.random.default_rng(0).permutation(30)
    found = bootstrap_auc(answers[shuffled], owner[shuffled])
    assert found == pytest.approx(bootstrap_auc(answers, owner), abs=1e-12)


def test_interval_holds_the_figure_and_shrinks() -> None:
    widths = []
    for count in (50, 800):
        answers = hits(count)
        low, high = bootstrap_auc(answers, np.arange(count))
        assert low < auc(answers.mean(axis=0)) < high
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)  # as 1 / sqrt(n)


def test_interval_repeats_and_follows_seed_and_level() -> None:
    answers, owner = hits(40), np.arange(40)
    found = bootstrap_auc(answers, owner, seed=1)
    assert found == bootstrap_auc(answers.astype(float), owner, seed=1)
    assert found != bootstrap_auc(answers, owner, seed=2)
    narrow = bootstrap_auc(answers, owner, seed=1, level=0.5)
    assert found[0] < narrow[0] < narrow[1] < found[1]


def test_many_photographs_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((20, 3))
    whole = resampled_sums(values, 50, seed=4)
    for at_once in (1, 7 * 20):
        monkeypatch.setattr("cuewalk.evaluate.confusion._DRAWN_AT_ONCE", at_once)
        np.testing.assert_allclose(resampled_sums(values, 50, seed=4), whole, rtol=1e-14)


def test_published_figures_fit_the_methods() -> None:
    for table in (TABLE_2, TABLE_3):
        assert set(table) == EXPLAINERS
    class_agnostic = {"rollout", "raw_attention"}
    for method, figures in TABLE_2.items():
        modes = {"predicted"} if method in class_agnostic else {"predicted", "target"}
        assert set(figures) == {(d, m) for d in ("negative", "positive") for m in modes}
    # The paper's own comparisons: best of all methods in every row.
    for key, value in TABLE_2["relevance"].items():
        others = [f[key] for m, f in TABLE_2.items() if m != "relevance" and key in f]
        assert value > max(others) if key[0] == "negative" else value < min(others)
    for name, value in TABLE_3["relevance"].items():
        assert value > max(f[name] for m, f in TABLE_3.items() if m != "relevance")


def test_published_figures_are_for_the_whole_sets() -> None:
    assert imagenet_val("imagenet", 50000)
    assert not imagenet_val("imagenet", 49999)
    assert not imagenet_val("imagenet_segmentation", 50000)
    assert imagenet_segmentation("imagenet_segmentation", 4276)
    assert not imagenet_segmentation("imagenet_segmentation", 4275)
    assert not imagenet_segmentation("imagenet", 4276)
