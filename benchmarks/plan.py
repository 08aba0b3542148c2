"""How long Snakemake takes to plan the paper's VOC run: 12,031 stand-ins for photographs.

    python benchmarks/plan.py

Processor seconds of a dry run, the first (which reads every file once) and the second (which does
not), beside the bare import of Snakemake, that no plan can be faster than. Larger runs: scaling.py.
"""

import sys
import tempfile
from pathlib import Path

from paired import Limits, Row, main
from scaling import VOC, cost, dry_run, write_stand_ins


def rows(quick: bool = False) -> list[Row]:
    """Seconds, without limits; ratios are to the bare import of Snakemake."""
    photographs = VOC // (20 if quick else 1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shards = write_stand_ins(work / "voc", photographs)
        first, second = dry_run(work, shards), dry_run(work, shards)
    imports = cost([sys.executable, "-c", "import snakemake.cli"]).seconds
    detail = f"{first.jobs} jobs for {photographs} photographs; import {imports:.1f} s"
    return [
        Limits().row(
            f"{name} dry run of VOC / import of Snakemake",
            plan.seconds / imports,
            f"{plan.seconds:.1f} s; {detail}",
        )
        for name, plan in {"first": first, "second": second}.items()
    ]


if __name__ == "__main__":
    main(rows, __doc__)
