"""How long Snakemake takes to plan the paper's VOC run: 12,031 stand-ins for photographs.

    python benchmarks/plan.py

Prints seconds of a dry run, the first (which reads every file once) and the second (which does
not), and of the bare import of Snakemake, that no plan can be faster than.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TRAINAUG, TRAIN, VAL = 10582, 1464, 1449


def write_stand_ins(root: Path) -> None:
    """Lists of VOC's lengths, and a small file of its own for everything that they name."""
    ids = [f"2007_{number:06d}" for number in range(TRAINAUG + VAL)]
    lists = root / "ImageSets" / "Segmentation"
    for folder in (lists, root / "JPEGImages", root / "Annotations", root / "SegmentationClassAug"):
        folder.mkdir(parents=True)
    for name, some in {
        "trainaug": ids[:TRAINAUG], "train": ids[:TRAIN], "val": ids[TRAINAUG:],
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


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_stand_ins(work / "voc")
        first, jobs = dry_run(work)
        second, _ = dry_run(work)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import snakemake.cli"], check=True)
    imports = time.perf_counter() - started
    print(f"{jobs} jobs for {TRAINAUG + VAL} photographs")
    print(
        f"first dry run {first:.1f} s, second {second:.1f} s, import of snakemake {imports:.1f} s"
    )


if __name__ == "__main__":
    main()
