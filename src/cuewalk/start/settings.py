"""Writes the configuration of a run on one's own photographs, to lay over config.yaml."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SMALL = 500
"""Photographs up to which a data set is small."""
SHARD = 256
"""Photographs in a shard of a large data set."""
SEEN = 1200
"""Photographs that a small data set's classifier is shown, repetitions counted, within EPOCHS."""
EPOCHS = (16, 40)


# Few photographs teach few weights, and the cues of what learnt little are faint.
_SMALL = {
    "size": 224, "cue_sizes": "[224, 320]", "cells": 28, "blocks": 1, "rate": "1.0e-3",
    "stem_rate": "0.0", "batch": 8, "alpha_low": 2, "alpha_high": 4, "alpha": 4,
    "affinity_epochs": 12, "start": 0,
}  # fmt: skip
_LARGE = {
    "size": 320, "cue_sizes": "[224, 320, 416]", "cells": 40, "blocks": 4, "rate": "5.0e-4",
    "stem_rate": "1.0e-4", "batch": 16, "alpha_low": 4, "alpha_high": 32, "alpha": 8,
    "affinity_epochs": 4, "start": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Wishes:
    """What the configuration has to say.

    Attributes:
        run: name of the run.
        root: folder of the photographs.
        labels: CSV file, relative to root or absolute; None for a folder per class.
        masks: folder of the ground truth, likewise; None for none.
        lists: how many photographs each list has, by its name.
        scored: names of those with any mask of ground truth.
        weights: of the stem: none, pretrained or a file.
        options: of the stem, that the weights ask for.
        small: whether a small data set's settings are wanted.
    """

    run: str
    root: str
    labels: str | None
    masks: str | None
    lists: Mapping[str, int]
    scored: Collection[str]
    weights: str
    options: dict[str, Any]
    small: bool

    @property
    def train(self) -> str:
        """Name of the list that is learnt from."""
        return "train" if "train" in self.lists else "all"

    @property
    def photographs(self) -> int:
        """How many are learnt from."""
        return self.lists[self.train]


def run_name(folder: Path) -> str:
    """A name for a run, after the folder of its photographs."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", folder.resolve().name).strip("._-")
    return name or "photographs"


def write_settings(wishes: Wishes) -> str:
    """The text of the configuration."""
    named = {
        "run": wishes.run,
        "root": wishes.root,
        "labels": wishes.labels,
        "masks": wishes.masks,
        "weights": wishes.weights,
        "options": wishes.options,
        **_roles(wishes),
    }
    low, high = EPOCHS
    epochs = min(high, max(low, round(SEEN / wishes.photographs)))
    numbers = _SMALL if wishes.small else _LARGE
    shards = 1 if wishes.small else math.ceil(wishes.photographs / SHARD)
    told = {key: _in_yaml(value) for key, value in named.items()}
    return TEXT.format(**told, **numbers, epochs=epochs, shards=shards)


def _roles(wishes: Wishes) -> dict[str, Any]:
    """Lists by role; with a list of their own, those that are reported on are not learnt from."""
    others = [name for name in ("val", "test") if name in wishes.scored]
    if others and wishes.train == "train":
        return {"train": "train", "evaluate": others[0], "splits": ["train", "evaluate"]}
    return {"train": wishes.train, "evaluate": "all", "splits": ["evaluate"]}


def _in_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


TEXT = """\
# Written by cuewalk init, to lay over config.yaml, where every key is explained.
run: {run}
tables: [masks]
exports: []               # coco and confidence are made from the finished masks, at any time
dataset:
  kind: folder
  root: {root}
  labels: {labels}
  masks: {masks}             # of ground truth, to score the result; null: nothing is scored
  classes: []             # all; or only those named here
  train: {train}
  select: null
  evaluate: {evaluate}
shards: {{train: {shards}, evaluate: 1}}
classifier:
  model:
    name: composed
    image_size: {size}
    stem:
      name: mobilenetv2_100
      level: 3
      weights: {weights}   # pretrained: fetched once, which needs a network
      options: {options}
    transformer: {{blocks: {blocks}, width: 192, heads: 3, mlp_ratio: 4.0, drop_path: 0.05}}
  training:
    epochs: {epochs}            # more if the loss in classifier/history.csv still falls at the end
    batch_size: {batch}
    optimizer: adamw
    learning_rate: {rate}
    stem_learning_rate: {stem_rate}
    frozen_levels: 2
    weight_decay: 0.05
    schedule: cosine
    warmup_epochs: 1
    batch_norm: frozen    # the statistics of a few photographs would be worse
  augment: {{flip: 0.5, jitter: [0.3, 0.3, 0.3, 0.1], crop: [0.35, 1.0], erase: 0.2}}
cues: {{sizes: {cue_sizes}, flip: true}}
grid: {{cells: {cells}, radius: 5}}
# A larger alpha_low makes more sure objects, a smaller alpha_high more sure background.
crf: {{alpha_low: {alpha_low}, alpha_high: {alpha_high}}}
affinitynet:
  image_size: {size}
  levels: [4, 8, 16]
  channels: 128
  backbone: frozen
  epochs: {affinity_epochs}
walk: {{beta: 8, steps: 32, also: [], alphas: []}}
masks:
  splits: {splits}
  background: {{place: after, alpha: {alpha}}}   # smaller: less object
explain: {{start_layer: {start}}}   # below the number of blocks; for the tables of the explainers
compute: {{batch_size: 8}}
"""
