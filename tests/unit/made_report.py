"""A made-up run to report, and a reader of pages."""

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
from PIL import Image

from cuewalk.evaluate.selection import FIXED, ORACLE, SELECTED
from cuewalk.report.figures import AFFINITY_LOSS
from cuewalk.report.gallery import Score, shown
from cuewalk.report.page import LABEL_FIGURES
from cuewalk.report.panels import Explained, Panel
from cuewalk.report.run import Run

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
    explained = Explained(labels[0], "predicted", {"relevance": planes[0], "random": planes[0]})
    return Panel(
        id=name, labels=labels, cues=planes, walked=planes**2,
        foreground=rng.random((8, 8)), background=rng.random((8, 8)),
        image=rng.integers(0, 256, (48, 64, 3), np.uint8),
        label=rng.choice(np.array([0, 1, 2, 255], np.uint8), (8, 8)),
        mask=rng.integers(0, 3, (48, 64), np.uint8),
        truth=rng.choice(np.array([0, 1, 255], np.uint8), (48, 64)),
        affinity=rng.random((8, 8)), explained=[explained],
    )  # fmt: skip


def gallery(panels):
    return [shown(one, Score(cue=40.0, walk=50.0 + i)) for i, one in enumerate(panels)]


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
        gallery=gallery([panel(i, f"photo_{i}") for i in range(2)]), available=2,
    )  # fmt: skip
    return replace(made, **changes)


def faithfulness_table():
    return pd.DataFrame([
        {"method": "relevance", "classes": c, "direction": d, "images": 1, "n": 1, "auc": auc,
         "auc_low": auc - 1, "auc_high": auc + 1, "published": np.nan, "accuracy": 90.0,
         "constant_maps": 0, "images_per_second": 2.0}
        for c in ("predicted", "target") for d, auc in (("negative", 62.5), ("positive", 20.0))
    ])  # fmt: skip


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


def decode(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))
