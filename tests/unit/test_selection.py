"""Rows of the tables: which background setting a figure belongs to, and what it gains."""

from typing import Any

import numpy as np
import pytest

from cuewalk.datasets.voc import VOC_CLASSES
from cuewalk.evaluate.confusion import pixel_counts
from cuewalk.evaluate.published import TABLE_4, VAL_IMAGES, comparable
from cuewalk.evaluate.selection import FIXED, ORACLE, SELECTED, Scores, background_rows, mask_rows

# Confusions of background and one class, rows truth, and their mean IoU in percent by hand.
GOOD = [[8, 0], [0, 8]]  # 8 / 8 and 8 / 8
FAIR = [[6, 2], [2, 6]]  # 6 / 10 and 6 / 10
POOR = [[4, 4], [4, 4]]  # 4 / 12 and 4 / 12
SKEW = [[8, 0], [4, 4]]  # 8 / 12 and 4 / 8
MIOU = {"good": 100.0, "fair": 60.0, "poor": 100 / 3, "skew": 100 * (2 / 3 + 1 / 2) / 2}
SETTINGS: list[dict[str, Any]] = [
    {"name": "constant 0.20", "place": "after", "alpha": None, "constant": 0.2},
    {"name": "alpha 4 after", "place": "after", "alpha": 4.0, "constant": None},
    {"name": "alpha 8 inside", "place": "inside", "alpha": 8.0, "constant": None},
]


def scores(source: str, split: str, *matrices: Any, images: int = 3, **walk: Any) -> Scores:
    """One confusion per setting, the same for each photograph."""
    walk = {"beta": None, "steps": None} | walk
    settings = [setting | walk for setting in SETTINGS[: len(matrices)]]
    return Scores(source, split, settings, pixel_counts(np.array([matrices] * images)))


EVALUATED = [
    scores("cue", "evaluate", POOR, FAIR, GOOD),
    scores("walk", "evaluate", SKEW, FAIR, GOOD, beta=16.0, steps=256),
]
# On these photographs other settings are best than on those evaluated.
CHOSEN_ON = [
    scores("cue", "select", FAIR, GOOD, POOR, images=2),
    scores("walk", "select", GOOD, FAIR, POOR, images=2, beta=16.0, steps=256),
]


def rows(evaluated: list[Scores] = EVALUATED, selected: list[Scores] = CHOSEN_ON) -> Any:
    found = mask_rows(evaluated, selected, ["cat"], samples=50, seed=0)
    keyed = {(row["source"], row["chosen"]): row for row in found}
    assert len(keyed) == len(found)
    return keyed


def test_rows_are_fixed_selected_and_for_the_cue_alone_the_oracle() -> None:
    assert list(rows()) == [
        ("cue", FIXED),
        ("cue", SELECTED),
        ("cue", ORACLE),
        ("walk", FIXED),
        ("walk", SELECTED),
    ]


def test_figures_are_those_of_the_chosen_setting_on_the_evaluated_photographs() -> None:
    expected = {
        ("cue", FIXED): ("constant 0.20", MIOU["poor"]),
        # Best on select (100 there), reported on evaluate, where another would be better.
        ("cue", SELECTED): ("alpha 4 after", MIOU["fair"]),
        ("cue", ORACLE): ("alpha 8 inside", MIOU["good"]),
        ("walk", FIXED): ("constant 0.20", MIOU["skew"]),
        ("walk", SELECTED): ("constant 0.20", MIOU["skew"]),
    }
    for key, row in rows().items():
        name, figure = expected[key]
        assert row["background"] == name
        assert row["miou"] == pytest.approx(figure)
        # All photographs are alike, so that every resampling gives the same figure.
        assert (row["miou_low"], row["miou_high"]) == pytest.approx((figure, figure))
        # The gain is over the cue's own setting, for every row.
        gain = figure - MIOU["poor"]
        found = [row[k] for k in ("gain", "gain_low", "gain_high")]
        assert found == pytest.approx([gain] * 3)
        assert (row["split"], row["images"]) == ("evaluate", 3)


def test_row_says_what_its_setting_is() -> None:
    cue, walk = rows()["cue", ORACLE], rows()["walk", FIXED]
    assert [cue[k] for k in ("alpha", "threshold", "beta", "steps")] == [8.0, None, None, None]
    assert [walk[k] for k in ("alpha", "threshold", "beta", "steps")] == [None, 0.2, 16.0, 256]


def test_row_holds_the_iou_of_each_class() -> None:
    row = rows()["walk", FIXED]
    assert row["iou_background"] == pytest.approx(100 * 8 / 12)
    assert row["iou_cat"] == pytest.approx(100 * 4 / 8)


@pytest.mark.parametrize("how", ["no scores", "no photographs"])
def test_without_a_selection_split_nothing_is_selected(how: str) -> None:
    none = [] if how == "no scores" else [
        Scores(s.source, "select", s.settings, s.counts[:0]) for s in CHOSEN_ON
    ]  # fmt: skip
    assert list(rows(selected=none)) == [("cue", FIXED), ("cue", ORACLE), ("walk", FIXED)]


def test_each_source_is_selected_by_its_own_scores() -> None:
    only_walk = rows(selected=CHOSEN_ON[1:])
    assert [key for key in only_walk if key[1] == SELECTED] == [("walk", SELECTED)]
    # Whatever the order of the sources.
    backwards = rows(selected=CHOSEN_ON[::-1])
    assert backwards["cue", SELECTED]["background"] == "alpha 4 after"
    assert backwards["walk", SELECTED]["background"] == "constant 0.20"


def test_figure_is_of_the_summed_confusion_not_a_mean_over_photographs() -> None:
    big, small = np.array(GOOD) * 10, np.array(POOR)
    uneven = Scores("cue", "evaluate", [SETTINGS[0] | {"beta": None, "steps": None}],
                    pixel_counts(np.array([[big], [small]])))  # fmt: skip
    row = rows([uneven], [])["cue", FIXED]
    assert row["miou"] == pytest.approx(100 * 84 / (84 + 4 + 4))


def test_intervals_hold_the_figure_and_follow_the_seed() -> None:
    matrices = np.random.default_rng(0).integers(1, 50, (30, 1, 2, 2))
    matrices[:, :, [0, 1], [0, 1]] += 40
    setting = [SETTINGS[0] | {"beta": None, "steps": None}]
    cue = Scores("cue", "evaluate", setting, pixel_counts(matrices))
    crf = Scores("crf", "evaluate", setting, pixel_counts(matrices + np.array([[3, 0], [0, 3]])))

    def found(seed: int) -> list[dict[str, Any]]:
        return mask_rows([cue, crf], [], ["cat"], samples=300, seed=seed)

    fixed, _, better = found(0)
    assert fixed["miou_low"] < fixed["miou"] < fixed["miou_high"]
    assert fixed["gain"] == fixed["gain_low"] == fixed["gain_high"] == 0
    # Better on every photograph: paired, the gain is sure though each figure alone is not.
    assert 0 < better["gain_low"] < better["gain"] < better["gain_high"]
    assert better["miou_low"] < fixed["miou_high"]
    assert found(0) == [fixed, _, better]
    assert found(1)[0]["miou_low"] != fixed["miou_low"]


def test_best_is_the_earlier_setting_at_a_tie() -> None:
    assert scores("cue", "select", POOR, GOOD, GOOD).best() == 1
    assert scores("cue", "select", GOOD, GOOD, GOOD).best() == 0
    assert scores("cue", "select", POOR, FAIR, GOOD).mean_ious() == pytest.approx([1 / 3, 0.6, 1])


def test_background_table_lists_every_setting() -> None:
    found = background_rows(scores("walk", "select", SKEW, FAIR, GOOD, beta=8.0, steps=32))
    assert [row["background"] for row in found] == [s["name"] for s in SETTINGS]
    assert [row["place"] for row in found] == ["after", "after", "inside"]
    assert [row["alpha"] for row in found] == [None, 4.0, 8.0]
    assert [row["threshold"] for row in found] == [0.2, None, None]
    expected = [MIOU["skew"], MIOU["fair"], MIOU["good"]]
    assert [row["miou"] for row in found] == pytest.approx(expected)
    same = {(r["source"], r["split"], r["images"], r["beta"], r["steps"]) for r in found}
    assert same == {("walk", "select", 3, 8.0, 32)}


def test_published_figures_are_shown_beside_the_whole_of_voc_val_alone() -> None:
    assert TABLE_4 == {"cue": 44.6, "walk": 50.9}
    assert comparable(VOC_CLASSES, VAL_IMAGES)
    assert comparable(list(VOC_CLASSES), 1449)
    assert not comparable(VOC_CLASSES, 1448)
    assert not comparable(VOC_CLASSES[1:], 1449)
    assert not comparable([*VOC_CLASSES[1:], VOC_CLASSES[0]], 1449)
