"""One photograph through all stages of a run as a picture, from what the stages keep."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from cuewalk.artifacts.store import Store, read_store
from cuewalk.audit.folder import Run
from cuewalk.audit.trace import Trace
from cuewalk.datasets.images import decode, load_image
from cuewalk.datasets.record import Record, Truth, read_index, read_truth
from cuewalk.datasets.truth import load_truth
from cuewalk.errors import InputError
from cuewalk.report.panels import Panel, pictures
from cuewalk.stages.maps import WalkedPlanes, data_set_ids, photograph_cues
from cuewalk.stages.rows import read_mask_ids

GAP, LINE = 8, 20
"""Pixels between the pictures, and of a caption."""


class Kept:
    """What a run keeps of one photograph, as arrays.

    Args:
        run: as it was loaded.
        id: of the photograph.
        traces: where its parts lie.
        root: folder of the photographs; None for the one that the run was made from.
    """

    def __init__(self, run: Run, id: str, traces: Sequence[Trace], root: Path | None) -> None:
        self.run, self.id = run, id
        self.paths = {t.stage: run.folder / t.path for t in traces if t.path in run.files}
        self.root = root or self._root()

    def panel(self) -> Panel:
        """Everything that there is, for a picture.

        Raises:
            InputError: the photograph cannot be read.
        """
        image = load_image(self.root, self._record())
        cues, crf, labels = (self._store(stage) for stage in ("cues", "crf", "labels"))
        maps, classes = np.zeros((0, *image.shape[:2]), np.float32), list[int]()
        if cues is not None:
            root = self._setting("cue_map", {"root": 3})["root"]
            maps, classes = photograph_cues(cues, self.id, root)
        row = crf.row(self.id) if crf else None
        walk = self._store("walk")
        names = cues.attributes["classes"] if cues else []
        return Panel(
            id=self.id,
            labels=[str(names[c]) for c in classes],
            image=image,
            cues=maps,
            foreground=None if row is None else 1 - row["low"][0].astype(np.float32),
            background=None if row is None else row["high"][0].astype(np.float32),
            label=data_set_ids(labels.row(self.id)["label"], classes) if labels else None,
            walked=self._walked(walk),
            mask=self._mask(),
            truth=self._truth(),
            affinity=None if walk is None else walk.row(self.id)["affinity"].astype(np.float32),
        )

    def _store(self, stage: str) -> Store | None:
        path = self.paths.get(stage)
        return None if path is None else read_store(path)

    def _walked(self, walk: Store | None) -> np.ndarray | None:
        cfg = self._setting("walk", None)
        if walk is None or cfg is None:
            return None
        return WalkedPlanes(walk).planes(self.id, (cfg["beta"], cfg["steps"]))[0]

    def _mask(self) -> np.ndarray | None:
        path = self.paths.get("masks")
        return None if path is None or not path.is_file() else np.array(decode(path)[0])

    def _truth(self) -> np.ndarray | None:
        lists = sorted((self.run.folder / "truth").glob("*.csv"))
        truths = [t for path in lists for t in read_truth(path)]
        own: list[Truth] = [truth for truth in truths if truth.id == self.id]
        classes = self.run.folder / "dataset" / "classes.csv"
        if not own or not classes.is_file():
            return None
        return load_truth(self.root, own[0], read_mask_ids(classes))

    def _record(self) -> Record:
        lists = [
            p for a in self.run.artefacts.values() if a.stage == "dataset" for p in a.outputs()
        ]
        records = [r for path in lists for r in read_index(self.run.folder / path)]
        own = [record for record in records if record.id == self.id]
        if not own:
            raise InputError(f"{self.run.folder}/dataset: no index lists {self.id}; audit the run.")
        return own[0]

    def _setting(self, section: str, otherwise: Any) -> Any:
        """A section of the settings, as the receipts tell it."""
        for artefact in self.run.artefacts.values():
            if artefact.content is not None and section in artefact.content["cfg"]:
                return artefact.content["cfg"][section]
        return otherwise

    def _root(self) -> Path:
        for artefact in self.run.artefacts.values():
            if artefact.stage == "dataset" and artefact.content is not None:
                return self.run.folder / artefact.place(artefact.content["root"])
        raise InputError(
            f"{self.run.folder}: its dataset has no receipt; name the photographs' folder: --root."
        )


def write_panel(panel: Panel, path: Path) -> None:
    """The pictures of a panel side by side, captions below, as a PNG."""
    shown = [(p.caption, _image(p.uri)) for step in pictures(panel) for p in step]
    # The font that comes with matplotlib, so that the picture is the same everywhere.
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
    widths = [max(image.width, round(font.getlength(caption))) for caption, image in shown]
    height = max(image.height for _, image in shown)
    size = (sum(widths) + GAP * (len(shown) + 1), height + LINE + 2 * GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    left = GAP
    for (caption, image), width in zip(shown, widths, strict=True):
        sheet.paste(image, (left, GAP))
        draw.text((left, height + GAP + 3), caption, "black", font)
        left += width + GAP
    sheet.save(path, "PNG", optimize=True)


def _image(uri: str) -> Image.Image:
    content = base64.b64decode(uri.partition(",")[2])
    return Image.open(io.BytesIO(content)).convert("RGB")
