"""How long Snakemake takes to plan the paper's VOC run: 12,031 stand-ins for photographs.

    python benchmarks/plan.py

Seconds of a dry run, the first (which reads every file once) and the second (which does not),
beside the bare import of Snakemake, that no plan can be faster than.
"""

import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from paired import Limits, Row, main, timed

PROJECT = Path(__file__).resolve().parents[1]
TRAINAUG, TRAIN, VAL = 10582, 1464, 1449
IMPORT = [sys.executable, "-c", "import snakemake.cli"]


def write_stand_ins(root: Path, trainaug: int, train: int, val: int) -> None:
    """Lists of these lengths, and a small file of its own for everything that they name."""
    ids = [f"2007_{number:06d}" for number in range(trainaug + val)]
    lists = root / "ImageSets" / "Segmentation"
    for folder in (lists, root / "JPEGImages", root / "Annotations", root / "SegmentationClassAug"):
        folder.mkdir(parents=True)
    for name, some in {
        "trainaug": ids[:trainaug], "train": ids[:train], "val": ids[trainaug:],
    }.items():  # fmt: skip
        (lists / f"{name}.txt").write_text("\n".join(some) + "\n")
    for id in ids:
        (root / "JPEGImages" / f"{id}.jpg").write_text(id)
        (root / "Annotations" / f"{id}.xml").write_text(id)
        (root / "SegmentationClassAug" / f"{id}.png").write_text(id)


def dry_run(work: Path) -> tuple[float, int]:
    """Seconds, and jobs planned."""
    started = time.perf_counter()
    said = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "host", "--cores", "1"),
            *("--snakefile", str(PROJECT / "Snakefile"), "--directory", str(work)),
            *("--configfile", str(PROJECT / "configs" / "voc12.yaml")),
            *("--config", "dataset={root: voc}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    return seconds, int(re.findall(r"^total +(\d+)", said.stdout + said.stderr, re.M)[0])


def rows(quick: bool = False) -> list[Row]:
    """Seconds, without limits; ratios are to the bare import of Snakemake."""
    some = 20 if quick else 1
    sizes = (TRAINAUG // some, TRAIN // some, VAL // some)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_stand_ins(work / "voc", *sizes)
        first, jobs = dry_run(work)
        second, _ = dry_run(work)
    imports = timed(partial(subprocess.run, IMPORT, check=True))
    detail = f"{jobs} jobs for {sizes[0] + sizes[2]} photographs; import {imports:.1f} s"
    return [
        Limits().row(
            f"{name} dry run of VOC / import of Snakemake",
            took / imports,
            f"{took:.1f} s; {detail}",
        )
        for name, took in {"first": first, "second": second}.items()
    ]


if __name__ == "__main__":
    main(rows, __doc__)
