"""The report is one file that stands alone, shows what it was given and escapes all of it."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_report import (
    CLASSES,
    Page,
    background_rows,
    background_table,
    decode,
    faithfulness_table,
    gallery,
    mask_table,
    panel,
    run,
)

from cuewalk.datasets.voc import voc_palette
from cuewalk.report.gallery import Score, shown
from cuewalk.report.page import build_page
from cuewalk.report.panels import HEIGHT, NEUTRAL, Panel, explainer_pictures, pictures
from cuewalk.report.plots import background_plot
from cuewalk.report.run import Run


@pytest.fixture(scope="module")
def page():
    return build_page(run())


def test_the_page_is_sound_and_fetches_nothing(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids)) and "nan" not in parsed.words
    assert all(r.startswith("data:") or r[1:] in parsed.ids for r in parsed.references)
    assert "iframe" not in parsed.tags and parsed.tags.count("style") == 1


def test_names_from_the_data_are_escaped():
    nasty = '"><script>alert(1)</script>'
    classes = (nasty, *CLASSES[1:])
    panels = [panel(name=nasty, labels=(nasty, "dog"))]
    masks = mask_table().rename(columns={"iou_<b>x": f"iou_{nasty}"})
    text = build_page(run(name=nasty, classes=classes, gallery=gallery(panels), masks=masks))
    parsed = Page(text)
    assert "<script>alert" not in text
    assert parsed.tags.count("script") == build_page(run()).count("<script")
    assert {nasty, f"cue: {nasty}"} <= set(parsed.words)  # as written
    labels = re.findall(r'data-labels="([^"]*)"', text)
    assert [json.loads(html.unescape(found)) for found in labels] == [[nasty, "dog"]]


def test_published_figures_show_only_where_there_are_any(page):
    beside = " ".join(Page(build_page(run(masks=mask_table(published=44.6)))).words)
    assert "44.60" in beside and "on the same photographs and classes" in beside
    alone = " ".join(Page(page).words)
    assert "44.60" not in alone and "Not comparable: VOC 2012 val" in alone


def test_headline_and_tables_hold_the_figures(page):
    assert {"53.8", "53.75", "47.25", "+9.25", "95 % interval 50.8 to 56.8",
            "beta 16, 256 steps", "background.alpha"} <= set(Page(page).words)  # fmt: skip


def test_the_background_plots_show_the_config_s_own_walk_alone(page):
    other = background_rows("evaluate", "walk", 42, beta=8)
    assert build_page(run(background=pd.concat([background_table(), pd.DataFrame(other)]))) == page


def test_a_walked_background_is_a_line_of_its_own_and_the_chosen_one_ringed():
    rows = [r for p in ("after", "inside") for r in background_rows("evaluate", "walk", 40, p)]
    spec = background_plot(pd.DataFrame(rows), "evaluate", "alpha", {"walk": "alpha 8 inside"})
    (data,) = spec["datasets"].values()
    assert {row["place"] for row in data} == {"after", "inside"}
    assert [row["background"] for row in data if row["own"]] == ["alpha 8 inside"]
    dashes = [layer["encoding"].get("strokeDash", {}).get("field") for layer in spec["layer"]]
    assert dashes.count("place") == 1
    assert [layer.get("transform") for layer in spec["layer"]][-1] == [{"filter": "datum.own"}]


def test_a_run_without_selection_photographs():
    table = background_table()
    table.loc[table["split"] == "select", ["miou", "images"]] = np.nan, 0
    counts = {"train": 70, "select": 0, "evaluate": 30}
    none = {"labels": pd.DataFrame([{"images": 0}]), "photographs": counts, "gallery": []}
    words = Page(build_page(run(background=table, **none))).words
    assert words.count("evaluate: 30 photographs") == 2
    assert not any(word.startswith(("select:", "Photographs, through")) for word in words)
    assert any("no training photographs with masks" in word for word in words)


def test_a_run_without_ground_truth_shows_what_it_made():
    panels = [replace(panel(i, f"photo_{i}"), truth=None, explained=[]) for i in range(2)]
    none = dict.fromkeys(("masks", "background", "labels"))
    made = run(**none, gallery=[shown(one, Score()) for one in panels], available=9)
    text = build_page(made)
    parsed = Page(text)
    words = " ".join(parsed.words)
    assert {"networks", "gallery", "provenance"} <= set(parsed.ids) and "masks" not in parsed.ids
    assert "the masks are of 30 photographs" in words
    assert "2 of 9 photographs: a fair sample of list" in words
    about = " ".join(parsed.words[: parsed.words.index("How this came about")])
    about = about.partition("report of a run")[2]  # without style and head
    assert not any(word in about for word in ("IoU", "interval", "void", "nan", "truth"))
    captions = [
        parsed.words.count(step) for step in ("confident foreground", "walked", "cue: <b>x")
    ]
    assert captions == [2, 2, 2]


def test_steps_come_in_order_with_a_cue_per_class():
    steps = list(pictures(panel()))
    assert [[picture.caption for picture in step] for step in steps] == [
        ["photograph"], ["cue: <b>x", "cue: a$b$c"], ["confident foreground"],
        ["confident background"], ["label grid"], ["affinity"], ["walked"], ["mask"], ["truth"],
    ]  # fmt: skip
    assert {decode(p.uri).size for step in steps for p in step} == {(213, HEIGHT)}


def test_explainers_stand_side_by_side():
    ((explained, found),) = explainer_pictures(panel())
    assert explained.name == "<b>x" and [p.caption for p in found] == ["relevance", "random"]


def steps_of(made, mode):
    return {
        step[0].caption: np.asarray(decode(step[0].uri).convert(mode)) for step in pictures(made)
    }


def test_label_ids_take_their_colours():
    made = panel()
    steps = steps_of(made, "RGB")
    for caption, ids, special in (
        ("label grid", made.label, NEUTRAL),
        ("mask", made.mask, (0, 0, 0)),
        ("truth", made.truth, (224, 224, 192)),
    ):
        centres = [((np.arange(n) + 0.5) * m / n).astype(int)
                   for n, m in zip(ids.shape, steps[caption].shape, strict=False)]  # fmt: skip
        expected = voc_palette()[ids]
        expected[ids == 255] = special
        assert np.array_equal(steps[caption][np.ix_(*centres)], expected)


def test_heat_is_lighter_where_the_map_is_higher():
    ramp = np.linspace(0, 1, 64)[None].repeat(48, 0)
    grey = panel().image * 0 + 128
    steps = steps_of(replace(panel(), image=grey, foreground=ramp, background=1 - ramp), "L")
    assert (np.diff(steps["confident foreground"].mean(0)[::20]) > 0).all()
    assert (np.diff(steps["confident background"].mean(0)[::20]) < 0).all()


def test_a_run_of_explainers_alone():
    settings = {"dataset": {"kind": "imagenet", "train": None, "select": None, "evaluate": "val"}}
    bare = Panel("one", [], panel().image, np.zeros((0, 48, 64), np.float32),
                 explained=panel().explained)  # fmt: skip
    made = Run(
        "bare", CLASSES, {"train": 0, "select": 0, "evaluate": 1}, settings, 1,
        gallery=[shown(bare, Score())], history=pd.DataFrame({"epoch": [], "train_loss": []}),
        faithfulness=faithfulness_table(),
        curves=pd.DataFrame([{"method": "relevance", "classes": c, "direction": d, "masked": 0.1,
                              "hits": 1, "n": 1, "accuracy": 100.0}
                             for c in ("predicted", "target") for d in ("negative", "positive")]),
    )  # fmt: skip
    words = Page(build_page(made)).words
    assert "Perturbation" in words and "Masks" not in words
    assert any("the network came ready" in word for word in words)
    assert not {"masks", "networks"} & set(words)
    assert any("62.5" in word for word in words)
