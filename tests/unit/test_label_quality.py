"""Confident labels against ground truth, on grids small enough to count by hand."""

import numpy as np
import pytest

from cuewalk.evaluate.labels import label_confusion, label_figures

NEUTRAL, VOID = 255, 255
CLASSES = 3


def mask(cells: list[list[int]]) -> np.ndarray:
    """A photograph's mask of 8 x 8 pixels to a cell, which the grid then gives back exactly."""
    return np.array(cells, np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def label(cells: list[list[int]]) -> np.ndarray:
    return np.array(cells, np.uint8)


def counts(**cells: int) -> np.ndarray:
    """The matrix with these cells: t2_g3=1 is one of true label 2 given 3, gn is neutral."""
    matrix = np.zeros((CLASSES + 1, CLASSES + 2), int)
    for name, count in cells.items():
        true, given = name[1:].split("_g")
        matrix[int(true), CLASSES + 1 if given == "n" else int(given)] = count
    return matrix


def test_cells_are_counted_by_true_and_given_label() -> None:
    # The photograph's own classes are the data set's first and third: true labels 1 and 3.
    truth = mask([[0, 0, 1], [1, 3, 3], [3, 0, 1]])
    given = label([[0, 1, 1], [2, 2, NEUTRAL], [0, NEUTRAL, 1]])
    found = label_confusion(truth, given, [0, 2], CLASSES)
    expected = counts(t0_g0=1, t0_g1=1, t1_g1=2, t1_g3=1, t3_g3=1, t3_gn=1, t3_g0=1, t0_gn=1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_own_class_becomes_the_data_sets(index: int) -> None:
    truth, given = mask([[index + 1] * 2] * 2), label([[1, 1], [1, 0]])
    found = label_confusion(truth, given, [index], CLASSES)
    name = f"t{index + 1}"
    np.testing.assert_array_equal(found, counts(**{f"{name}_g{index + 1}": 3, f"{name}_g0": 1}))


def test_true_class_that_the_photograph_is_not_labelled_with_is_a_row_of_its_own() -> None:
    found = label_confusion(mask([[2, 0], [0, 0]]), label([[1, 0], [0, 0]]), [2], CLASSES)
    np.testing.assert_array_equal(found, counts(t2_g3=1, t0_g0=3))


def test_void_cells_are_not_counted_whatever_they_are_given() -> None:
    truth = mask([[VOID, VOID], [VOID, 1]])
    given = label([[0, 1], [NEUTRAL, 1]])
    np.testing.assert_array_equal(label_confusion(truth, given, [0], CLASSES), counts(t1_g1=1))
    nothing = label_confusion(mask([[VOID] * 2] * 2), given, [0], CLASSES)
    np.testing.assert_array_equal(nothing, counts())


def test_cell_takes_the_label_that_covers_most_of_it() -> None:
    truth = mask([[0, 0], [0, 0]])
    truth[:5, :8] = 1  # 40 of 64 pixels of the first cell
    truth[:3, 8:] = 1  # 24 of the second
    truth[8:13, :8] = VOID  # mostly void: not counted
    truth[8:11, 8:] = VOID  # somewhat void: background
    found = label_confusion(truth, label([[1, 1], [1, 0]]), [0], CLASSES)
    np.testing.assert_array_equal(found, counts(t1_g1=1, t0_g1=1, t0_g0=1))


def test_mask_is_squashed_to_the_grid() -> None:
    # 16 x 64 pixels, the right half of class 2, on a grid of 2 x 2.
    truth = np.zeros((16, 64), np.uint8)
    truth[:, 32:] = 2
    found = label_confusion(truth, label([[0, 1], [0, 1]]), [1], CLASSES)
    np.testing.assert_array_equal(found, counts(t0_g0=2, t2_g2=2))


def test_figures_by_hand() -> None:
    matrix = np.array([[50, 2, 1, 7], [3, 20, 4, 3], [1, 0, 6, 3]])
    # 33 cells are given a class, 26 of them the right one and 30 some class that is there; 54 are
    # given background, 13 are neutral; 40 are truly of a class.
    assert label_figures(matrix) == pytest.approx(
        {
            "foreground_precision": 26 / 33,
            "any_foreground": 30 / 33,
            "background_precision": 50 / 54,
            "foreground_share": 0.33,
            "background_share": 0.54,
            "neutral_share": 0.13,
            "foreground_recall": 26 / 40,
        }
    )


def test_shares_sum_to_one() -> None:
    found = label_figures(np.random.default_rng(0).integers(1, 50, (4, 5)))
    shares = [v for k, v in found.items() if k.endswith("share")]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(1)


def test_figures_of_nothing_are_nan() -> None:
    neutral = label_figures(counts(t0_gn=4, t1_gn=2))
    undefined = {k for k, v in neutral.items() if np.isnan(v)}
    assert undefined == {"foreground_precision", "any_foreground", "background_precision"}
    assert neutral["neutral_share"] == 1
    assert neutral["foreground_recall"] == 0
    assert all(map(np.isnan, label_figures(counts()).values()))
