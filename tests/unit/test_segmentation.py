"""Maps as soft masks: pixel loops and scikit-learn as the second opinion, and properties."""

import time
import warnings

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cuewalk.evaluate.segmentation import (
    SegmentationCounts,
    average_precision,
    bootstrap_figures,
    segmentation_counts,
    segmentation_figures,
)

VOID = 255
NAMES = {"pixel_accuracy", "map", "miou"}


def pair(seed: int = 0, side: int = 12, values: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A map with tied values and a mask with void pixels; the map is higher on the object."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, VOID], (side, side), p=[0.6, 0.3, 0.1]).astype(np.uint8)
    raw = rng.integers(0, values, (side, side)) + 8 * (truth == 1)
    low, high = raw.min(), raw.max()
    return ((raw - low) / (high - low)).astype(np.float32), truth


def same(a: SegmentationCounts, b: SegmentationCounts) -> bool:
    return (
        (a.correct, a.labelled, a.average_precision) == (b.correct, b.labelled, b.average_precision)
        and a.intersection.tolist() == b.intersection.tolist()
        and a.union.tolist() == b.union.tolist()
    )


def sklearns(scores: np.ndarray, truth: np.ndarray) -> float:
    """The reference's average precision: two planes against two, micro."""
    known = truth != VOID
    object_, says = truth[known] == 1, scores[known]
    return float(
        average_precision_score(np.r_[~object_, object_].astype(int), np.r_[1 - says, says])
    )


@pytest.mark.parametrize("seed", range(4))
def test_counts_by_a_loop_over_pixels(seed: int) -> None:
    evaluated, truth = pair(seed)
    counts = segmentation_counts(evaluated, truth)
    mean = sum(float(value) for value in evaluated.flat) / evaluated.size
    correct = labelled = 0
    both, either = [0, 0], [0, 0]
    for value, true in zip(evaluated.flat, truth.flat, strict=True):
        if true == VOID:
            continue
        says = int(value > mean)
        labelled += 1
        correct += says == true
        for label in (0, 1):
            both[label] += says == label and true == label
            either[label] += says == label or true == label
    assert (counts.correct, counts.labelled) == (correct, labelled)
    assert counts.intersection.tolist() == both
    assert counts.union.tolist() == either
    assert counts.average_precision == pytest.approx(sklearns(evaluated, truth), abs=1e-12)


@pytest.mark.parametrize("values", [2, 5, 10**6])
def test_average_precision_is_sklearns(values: int) -> None:
    rng = np.random.default_rng(0)
    scores = (rng.integers(0, values, 3000) / values).astype(np.float32)
    truth = rng.random(3000) < 0.2 + 0.3 * scores
    found = average_precision(scores[truth], scores[~truth])
    assert found == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


def test_average_precision_by_hand() -> None:
    def of(positives: list[float], negatives: list[float]) -> float:
        return average_precision(np.array(positives), np.array(negatives))

    assert of([0.9, 0.8], [0.7, 0.1]) == 1
    assert of([0.9, 0.4], [0.7, 0.1]) == pytest.approx((1 + 2 / 3) / 2)
    assert of([0.5, 0.5], [0.5, 0.5]) == 0.5
    assert of([], [0.5]) == 0  # scikit-learn's nan, and 0 after the reference's nan_to_num
    assert of([0.5], []) == 1


def test_a_perfect_map_gives_1() -> None:
    _, truth = pair()
    counts = segmentation_counts((truth == 1).astype(np.float32), truth)
    assert counts.correct == counts.labelled == (truth != VOID).sum()
    assert counts.intersection.tolist() == counts.union.tolist()
    assert counts.average_precision == 1
    assert figures([counts]) == pytest.approx(dict.fromkeys(NAMES, 1.0), abs=1e-12)


def test_an_inverted_map_gets_nothing_right() -> None:
    _, truth = pair()
    counts = segmentation_counts((truth != 1).astype(np.float32), truth)
    assert counts.correct == 0
    assert counts.intersection.tolist() == [0, 0]
    assert counts.average_precision == 0.5  # all right scores are 0, and last with all the others
    result = figures([counts])
    assert (result["pixel_accuracy"], result["miou"]) == (0, 0)


@pytest.mark.parametrize("value", [0.0, 0.3, 0.7, 1.0])
def test_a_constant_map_says_background_and_ranks_nothing(value: float) -> None:
    _, truth = pair()
    counts = segmentation_counts(np.full(truth.shape, value, np.float32), truth)
    background, labelled = int((truth == 0).sum()), int((truth != VOID).sum())
    assert (counts.correct, counts.labelled) == (background, labelled)
    assert counts.intersection.tolist() == [background, 0]
    assert counts.union.tolist() == [labelled, labelled - background]
    assert counts.average_precision == 0.5


def test_void_pixels_change_nothing_but_the_mean() -> None:
    evaluated, truth = pair()
    void = truth == VOID
    assert void.any()
    before = segmentation_counts(evaluated, truth)
    # Values under void pixels that keep the mean keep everything.
    moved = evaluated.copy()
    moved[void] = np.roll(evaluated[void], 1)
    assert same(segmentation_counts(moved, truth), before)
    # What stands for void does not matter.
    other = np.where(void, -1, truth.astype(int))
    assert same(segmentation_counts(evaluated, other), before)
    # Their values count in the threshold.
    raised = evaluated.copy()
    raised[void] = 1
    after = segmentation_counts(raised, truth)
    assert after.average_precision == before.average_precision
    assert after.intersection[0] > before.intersection[0]


def test_all_void_counts_nothing() -> None:
    evaluated, truth = pair()
    counts = segmentation_counts(evaluated, np.full_like(truth, VOID))
    assert (counts.correct, counts.labelled, counts.average_precision) == (0, 0, 0)
    assert counts.intersection.tolist() == counts.union.tolist() == [0, 0]


def test_mirroring_both_changes_nothing() -> None:
    evaluated, truth = pair()
    mirrored = segmentation_counts(evaluated[:, ::-1], truth[:, ::-1])
    assert same(mirrored, segmentation_counts(evaluated, truth))


def test_sizes_must_agree() -> None:
    evaluated, truth = pair()
    with pytest.raises(ValueError, match="shape"):
        segmentation_counts(evaluated, truth[1:])


def test_speed() -> None:
    evaluated, truth = pair(side=224, values=10**6)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        segmentation_counts(evaluated, truth)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.06


def stacked(counts: list[SegmentationCounts]) -> list[np.ndarray]:
    names = ("correct", "labelled", "intersection", "union", "average_precision")
    return [np.array([getattr(c, name) for c in counts]) for name in names]


def figures(counts: list[SegmentationCounts]) -> dict[str, float]:
    return segmentation_figures(*stacked(counts))


def many(count: int) -> list[SegmentationCounts]:
    return [segmentation_counts(*pair(seed)) for seed in range(count)]


def test_figures_are_of_the_set_but_map_is_a_mean() -> None:
    # One large and one small map: sums weigh pixels, the mean weighs maps.
    result = segmentation_figures(
        np.array([90, 1]),
        np.array([100, 10]),
        np.array([[60, 30], [1, 0]]),
        np.array([[70, 40], [10, 9]]),
        np.array([0.8, 0.2]),
    )
    assert set(result) == NAMES
    assert result["pixel_accuracy"] == pytest.approx(91 / 110)
    assert result["map"] == pytest.approx(0.5)
    assert result["miou"] == pytest.approx((61 / 80 + 30 / 49) / 2)


def test_figures_are_one_confusions() -> None:
    counts = many(5)
    pairs = [pair(seed) for seed in range(5)]
    says = np.concatenate([(m > m.mean(dtype=float))[t != VOID] for m, t in pairs])
    true = np.concatenate([t[t != VOID] for _, t in pairs]) == 1
    iou = [(~says & ~true).sum() / (~says | ~true).sum(), (says & true).sum() / (says | true).sum()]
    result = figures(counts)
    assert result["miou"] == pytest.approx(np.mean(iou), abs=1e-12)
    assert result["pixel_accuracy"] == pytest.approx((says == true).mean(), abs=1e-12)


def test_an_object_that_never_occurs_has_an_iou_of_0() -> None:
    blank = segmentation_counts(np.zeros((4, 4), np.float32), np.zeros((4, 4), int))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figures([blank])["miou"] == pytest.approx(0.5)


def test_interval_by_drawing_photographs_one_by_one() -> None:
    counts = many(40)
    owner = np.arange(40) // 2
    rng, drawn = np.random.default_rng(1), []
    for _ in range(2000):
        chosen = rng.integers(0, 20, 20)
        drawn.append(figures([counts[row] for i in chosen for row in (2 * i, 2 * i + 1)]))
    found = bootstrap_figures(*stacked(counts), owner=owner, samples=2000)
    assert set(found) == NAMES
    for name, interval in found.items():
        expected = np.quantile([d[name] for d in drawn], [0.025, 0.975])
        np.testing.assert_allclose(interval, expected, rtol=0, atol=0.002)


def test_intervals_hold_the_figures_shrink_and_repeat() -> None:
    widths = []
    for count in (25, 400):
        counts = many(count)
        found = bootstrap_figures(*stacked(counts), owner=np.arange(count))
        for name, figure in figures(counts).items():
            low, high = found[name]
            assert low < figure < high
        widths.append(found["miou"][1] - found["miou"][0])
    assert widths[1] < 0.5 * widths[0]
    arrays = stacked(many(10))
    owner = np.arange(10)
    assert bootstrap_figures(*arrays, owner=owner) == bootstrap_figures(*arrays, owner=owner)
    other = bootstrap_figures(*arrays, owner=owner, seed=1)
    assert other != bootstrap_figures(*arrays, owner=owner)


def test_owners_count_not_rows() -> None:
    # Every map thrice, each copy the same photograph's: no more is known than before.
    arrays = stacked(many(20))
    owner = np.arange(20)
    once = bootstrap_figures(*arrays, owner=owner)
    thrice = bootstrap_figures(*(np.repeat(a, 3, axis=0) for a in arrays), owner=owner.repeat(3))
    for name in NAMES:
        assert thrice[name] == pytest.approx(once[name], abs=1e-12)


def test_no_maps_are_refused() -> None:
    arrays = [array[:0] for array in stacked(many(1))]
    with pytest.raises(ValueError, match="no maps"):
        segmentation_figures(*arrays)
    with pytest.raises(ValueError, match="no maps"):
        bootstrap_figures(*arrays, owner=np.arange(0))
    with pytest.raises(ValueError, match="dimension"):
        segmentation_figures(*stacked(many(2))[:4], np.ones(3))
