"""The report is one file that stands alone, shows what it was given and escapes all of it."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_no_torch import imports_torch
from trees import read, read_truths, write_voc

from cuewalk.artifacts.store import Store, pad_classes, write_store
from cuewalk.datasets.record import write_index, write_truth
from cuewalk.datasets.voc import voc_palette, wanted_classes
from cuewalk.evaluate.selection import FIXED, ORACLE, SELECTED
from cuewalk.report.page import AFFINITY_LOSS, LABEL_FIGURES, Run, build_page
from cuewalk.report.panels import HEIGHT, NEUTRAL, Panel, choose, pictures
from cuewalk.report.plots import background_plot
from cuewalk.stages import masks, report
from cuewalk.stages.runner import Job

CLASSES = ("<b>x", "a$b$c", "dog")
VOID_TAGS = {"meta", "img", "br", "link", "input"}


def mask_table(published=np.nan):
    rows = []
    for source, chosen, background, miou in (
        ("cue", FIXED, "constant 0.20", 44.5),
        ("cue", SELECTED, "constant 0.10", 45.5),
        ("cue", ORACLE, "constant 0.30", 46.5),
        ("crf", FIXED, "alpha 4 after", 47.25),
        ("walk", FIXED, "alpha 8 after", 53.75),
    ):
        rows.append({
            "source": source, "chosen": chosen, "images": 30, "background": background,
            "miou": miou, "miou_low": miou - 3, "miou_high": miou + 3, "published": published,
            "gain": miou - 44.5, "gain_low": miou - 47, "gain_high": miou - 42,
            **{f"iou_{c}": miou for c in ["background", *CLASSES[:2]]}, "iou_dog": np.nan,
        } | ({"beta": 16, "steps": 256} if source == "walk" else {}))  # fmt: skip
    return pd.DataFrame(rows)


def background_rows(split, source, lift, place="after", beta=16):
    own = {"split": split, "source": source, "images": 30, "place": place}
    own |= {"beta": beta, "steps": 256} if source == "walk" else {}
    backgrounds = [("threshold", f"constant {x:.2f}", x) for x in (0.1, 0.2, 0.3)]
    backgrounds += [("alpha", f"alpha {x} {place}", x) for x in (4, 8)]
    return [{**own, "background": name, key: x, "miou": lift + x} for key, name, x in backgrounds]


def background_table():
    lines = [(split, source, lift + i) for i, split in enumerate(("select", "evaluate"))
             for source, lift in (("cue", 40), ("crf", 41), ("walk", 42.5))]  # fmt: skip
    return pd.DataFrame([row for line in lines for row in background_rows(*line)])


def panel(seed=0, name="photo", labels=CLASSES[:2]):
    rng = np.random.default_rng(seed)
    planes = rng.random((len(labels), 48, 64), np.float32)
    return Panel(
        id=name, labels=labels, cues=planes, walked=planes**2,
        foreground=rng.random((8, 8)), background=rng.random((8, 8)),
        image=rng.integers(0, 256, (48, 64, 3), np.uint8),
        label=rng.choice(np.array([0, 1, 2, 255], np.uint8), (8, 8)),
        mask=rng.integers(0, 3, (48, 64), np.uint8),
        truth=rng.choice(np.array([0, 1, 255], np.uint8), (48, 64)),
    )  # fmt: skip


def run(**changes):
    shares = dict.fromkeys(("foreground_share", "background_share", "neutral_share"), 33.0)
    losses = {column: [1.0, 0.5] for column in AFFINITY_LOSS}
    made = Run(
        name="made-up", classes=CLASSES,
        photographs={"train": 70, "select": 30, "evaluate": 30},
        settings={"dataset": {"kind": "voc", "train": "train", "select": "sel", "evaluate": "val"},
                  "masks": {"background": {"alpha": 4}}},
        masks=mask_table(),
        background=background_table(),
        labels=pd.DataFrame([{"images": 30, **shares, **dict.fromkeys(LABEL_FIGURES, 81.5)}]),
        history=pd.DataFrame({"epoch": [1, 2], "train_loss": [0.7, 0.4]}),
        precision=pd.DataFrame({"class": [*CLASSES, "mean"],
                                "average_precision": [50.0, 75.0, np.nan, 62.5]}),
        affinity_history=pd.DataFrame({"epoch": [1, 2], **losses}),
        panels=[panel(i, f"photo_{i}") for i in range(2)],
    )  # fmt: skip
    return replace(made, **changes)


class Page(HTMLParser):
    """Checks that tags nest and gathers what a test asks about."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references, self.ids, self.words = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID_TAGS or self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def page():
    return build_page(run())


def decode(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def test_the_page_is_sound_and_fetches_nothing(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids)) and "nan" not in parsed.words
    assert all(r.startswith("data:image/") or r[1:] in parsed.ids for r in parsed.references)
    assert not {"script", "link", "iframe"} & set(parsed.tags) and parsed.tags.count("style") == 1
    assert not re.search(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", page))
    assert all(name[1:] in parsed.ids for name in re.findall(r"url\(([^)]*)\)", page))


def test_names_from_the_data_are_escaped():
    nasty = '"><script>alert(1)</script>'
    text = build_page(run(name=nasty, panels=[panel(name=nasty)]))
    parsed = Page(text)
    assert "<b>x" not in text
    assert "script" not in parsed.tags
    assert nasty in parsed.words  # the name of the run, as written
    assert "cue: <b>x" in parsed.words  # caption of a panel
    # Table, and a label in both plots of bars, where dollars are no formula.
    assert min(parsed.words.count(name) for name in ("<b>x", "a$b$c")) >= 3


def test_published_figures_show_only_where_there_are_any(page):
    beside = Page(build_page(run(masks=mask_table(published=44.6)))).words
    assert {"paper", "paper: 44.60"} <= set(beside)
    assert not any(
        word in ("paper", "paper:") for text in Page(page).words for word in text.split()
    )
    assert "can't be compared with the paper's" in page


def test_headline_and_tables_hold_the_figures(page):
    assert {"53.8", "53.75", "47.25", "+9.2 points", "+9.25", "95 % interval 50.8 to 56.8",
            "beta 16, 256 steps", "background.alpha"} <= set(Page(page).words)  # fmt: skip


def test_the_background_plots_show_the_config_s_own_walk_alone(page):
    other = background_rows("evaluate", "walk", 42, beta=8)
    assert build_page(run(background=pd.concat([background_table(), pd.DataFrame(other)]))) == page


def test_a_walked_background_is_a_line_of_its_own_and_the_chosen_one_ringed():
    rows = [r for p in ("after", "inside") for r in background_rows("evaluate", "walk", 40, p)]
    ringed, plain = (background_plot(pd.DataFrame(rows), "evaluate", "alpha", {"walk": c}, (40, 50))
                     for c in ("alpha 8 inside", "none"))  # fmt: skip
    assert ringed.count("stroke-dasharray") == 1
    assert ringed.count("<use") == plain.count("<use") + 1


def test_a_run_without_selection_photographs():
    table = background_table()
    table.loc[table["split"] == "select", ["miou", "images"]] = np.nan, 0
    counts = {"train": 70, "select": 0, "evaluate": 30}
    none = {"labels": pd.DataFrame([{"images": 0}]), "photographs": counts, "panels": []}
    words = Page(build_page(run(background=table, **none))).words
    assert words.count("evaluate: 30 photographs") == 2
    assert not any(word.startswith(("select:", "From cue to mask")) for word in words)
    assert any("no training photographs with masks" in word for word in words)


def test_panels_are_spread_evenly_over_the_sorted_ids():
    ids = [f"{i:03d}" for i in range(101)]
    assert choose(ids[::-1], 5) == ["000", "025", "050", "075", "100"]
    assert choose(ids[:3], 12) == ids[:3]
    assert [choose(ids, number) for number in (0, 1)] == [[], ["000"]]


def test_steps_come_in_order_with_a_cue_per_class():
    steps = list(pictures(panel()))
    assert [[picture.caption for picture in step] for step in steps] == [
        ["photograph"], ["cue: <b>x", "cue: a$b$c"], ["confident foreground"],
        ["confident background"], ["label grid"], ["walked"], ["mask"], ["truth"],
    ]  # fmt: skip
    assert {decode(p.uri).size for step in steps for p in step} == {(213, HEIGHT)}


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


def test_twelve_photographs_stay_below_five_megabytes():
    twelve = [panel(i, f"photo_{i}") for i in range(12)]  # noise: the worst case for JPEG
    assert len(build_page(run(panels=twelve)).encode()) < 5e6


def test_the_stage_shows_the_mask_that_stage_masks_writes(tmp_path):
    job = stage_job(tmp_path)
    assert report.run(job) == 2  # the list val holds a and d
    shard = {**job.inputs, "walk": job.inputs["walk"][1:]}
    assert masks.run(replace(job, inputs=shard, outputs={"masks": tmp_path / "masks"})) == 2
    uris = dict(re.findall(r'alt="([^"]*)" src="([^"]*)"', job.outputs["report"].read_text()))
    for id in ("a", "d"):
        shown, written = decode(uris[f"mask of {id}"]), Image.open(tmp_path / "masks" / f"{id}.png")
        assert np.array_equal(written.resize(shown.size, Image.Resampling.NEAREST), shown)
    # d shows dog alone, so 1 in its label grid is the second class: id 2.
    assert set(np.unique(decode(uris["label grid of d"]))) == {0, 2, 255}


def stage_job(folder):
    """Inputs of the stage: photographs of noise, random stores, the tables of `run`."""
    data_root = write_voc(folder / "voc")
    data = read(data_root, classes=("cat", "dog"))
    names, mask_ids = wanted_classes(data_root, ("cat", "dog"))
    roles = {"train": "train", "val": "evaluate"}
    records = [replace(r, splits=tuple(roles[s] for s in r.splits)) for r in data.records]
    write_index(folder / "index.csv", records)
    write_truth(folder / "truth.csv", read_truths(data_root))
    made = run()
    tables = {
        "classes": pd.DataFrame({"class": names, "mask_id": mask_ids}),
        "precision": made.precision[1:],
        "masks": made.masks.rename(columns={"iou_<b>x": "iou_cat"}),
        **{n: getattr(made, n) for n in ("background", "labels", "history", "affinity_history")},
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    inputs = {name: [folder / f"{name}.csv"] for name in ("index", "truth", *tables)}
    inputs |= write_stores(folder, {r.id: r for r in records}, names)
    cfg = {
        "report": {"panels": 12}, "cue_map": {"root": 3}, "walk": {"beta": 16, "steps": 256},
        "masks": {"splits": ["evaluate"], "background": {"place": "inside", "alpha": 4}},
        "dataset": made.settings["dataset"],
    }  # fmt: skip
    return Job(cfg, {}, data_root, inputs, {"report": folder / "made" / "report.html"}, "", 1)


def write_stores(folder, records, classes):
    """Two shards of every store: the first holds a photograph that no panel shows."""
    rng = np.random.default_rng(0)
    paths = {name: [] for name in report.STORES}
    for shard, ids in enumerate((["b"], ["a", "d"])):
        n, size = len(ids), np.array([(records[id].height, records[id].width) for id in ids])
        shown = [sorted(classes.index(label) for label in records[id].labels) for id in ids]
        for name, own in {
            "cues": {"size": size, "grid_32": rng.random((n, 2, 2, 4, 4))},
            "crf": {"low": rng.random((n, 3, 8, 8)), "high": rng.random((n, 3, 8, 8))},
            "label_grids": {"label": rng.choice(np.array([0, 1, 255], np.uint8), (n, 8, 8))},
            "walk": {"size": size, "planes": rng.random((n, 2, 1, 8, 8)),
                     "background": rng.random((n, 1, 1, 8, 8))},
        }.items():  # fmt: skip
            paths[name].append(folder / name / str(shard))
            paths[name][-1].mkdir(parents=True)
            attributes = {"sizes": [32], "settings": [[16, 256]], "alphas": [4]}
            store = Store(tuple(ids), {"class_id": pad_classes(shown, 2), **own}, attributes)
            write_store(paths[name][-1] / report.STORES[name], store)
    return paths


def test_the_report_never_loads_torch(tmp_path):
    assert not imports_torch(["cuewalk.stages.report"], tmp_path)
