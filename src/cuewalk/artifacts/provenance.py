"""The receipt of one job, from its start to its end; the runner's side of `receipts` and `reuse`.

It does not count as code of the stages (`code.UNCOUNTED`): how a receipt is written shapes no
result.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cuewalk.artifacts.code import code_parts
from cuewalk.artifacts.origin import commit, device, machine, named_files
from cuewalk.artifacts.receipts import (
    FORMAT,
    describe_inputs,
    describe_outputs,
    product,
    relative,
    write_receipt,
)
from cuewalk.artifacts.reuse import find_same, link_outputs, run_folder

SWITCH = "CUEWALK_REUSE"
"""Environment variable: 0 computes everything anew."""
UNLIKE = frozenset({"report"})
"""Stages whose outputs tell the run's name, so that another run's would not do."""


class Provenance:
    """What is known of a job before it starts; describes its inputs as they are now.

    Args:
        receipt: where the receipt is going to lie.
        modules: the stage's module, and others loaded by name.
        about: `stage`, `shard`, `cfg`, `code`, `data`.
        inputs: name -> paths.
        outputs: name -> path.
        root: folder of the photographs.
    """

    def __init__(
        self,
        receipt: Path,
        modules: list[str],
        about: Mapping[str, Any],
        inputs: Mapping[str, list[Path]],
        outputs: Mapping[str, Path],
        root: Path,
    ) -> None:
        self.receipt, self.outputs = receipt, outputs
        cfg = about["cfg"]
        self.known = {
            "format": FORMAT,
            **about,
            **code_parts(*modules),
            "inputs": describe_inputs(receipt, inputs),
            "named_files": named_files(cfg),
            "root": relative(root, receipt.parent),
            "seed": cfg.get("seed", cfg.get("options", {}).get("seed")),
        }

    def reuse(self, log_file: Path) -> Path | None:
        """Take the outputs over from another run under the same results folder, if one has them.

        Args:
            log_file: the job's log, which tells where its run lies.

        Returns:
            The receipt of the other run's artefact; None if the stage has to compute.
        """
        if os.environ.get(SWITCH) == "0" or self.known["stage"] in UNLIKE:
            return None
        run = run_folder(log_file)
        for other, content in find_same(self.receipt, self.known, self.outputs, run):
            if link_outputs(other, content, self.outputs):
                # Who made it, where and how fast stays true; what it was made from lies here.
                outputs = {
                    name: {**output, "path": relative(self.outputs[name], self.receipt.parent)}
                    for name, output in content["outputs"].items()
                }
                self._write({
                    **content,
                    **self.known,
                    "outputs": outputs,
                    "reused_from": relative(other, self.receipt.parent),
                })  # fmt: skip
                return other
        return None

    def write(self, images: int, seconds: float, threads: int, compute: Mapping[str, Any]) -> None:
        """Describe the outputs as they are now, and write the receipt: the last thing a job does.

        Args:
            images: photographs that the stage handled.
            seconds: that it took.
            threads: that it had.
            compute: config section `compute`.
        """
        measured = machine()  # before the outputs are read, which takes memory too
        outputs = describe_outputs(self.receipt, self.outputs)
        self._write({
            **self.known,
            **measured,
            "commit": commit(),
            "device": device(compute["device"]),
            "threads": threads,
            "images": images,
            "seconds": round(seconds, 2),
            "images_per_second": round(images / seconds, 3) if seconds else 0.0,
            "outputs": outputs,
            "product": product(outputs),
            "reused_from": None,
        })  # fmt: skip

    def _write(self, content: Mapping[str, Any]) -> None:
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        sealed = {key: value for key, value in content.items() if key != "digest"}
        write_receipt(self.receipt, {**sealed, "finished": finished})
