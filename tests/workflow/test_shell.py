"""Names that a shell would run are names: in classes, folders, lists and settings."""

from xml.sax.saxutils import escape

import pandas as pd
from runs import Run
from trees import write_annotation, write_voc

from cuewalk.config import merge_config

EVIL = """$(touch pwned) `touch pwned` 'a' "b" {threads} %s \\ | touch pwned & > pwned"""
OVERLAY = {
    "run": "shell",
    "tables": ["masks"],
    "dataset": {"kind": "voc", "classes": [EVIL, "cat"], "select": None},
    "shards": {"train": 1, "evaluate": 1},
    "classifier": {"model": {"weights": f"{EVIL}/{EVIL}.safetensors"}},
    "compute": {"device": "cpu"},
}


def test_hostile_names_run_nothing(tmp_path):
    work = tmp_path / EVIL.replace("/", "")
    root = write_voc(work / "voc; touch pwned; $(touch pwned)\n'\"")
    (root / "classes.txt").write_text(f"{EVIL}\ncat\ncar\n")
    for id in "abd":
        write_annotation(root, id, [escape(EVIL), "cat"])
    run = Run(work, merge_config(OVERLAY, {"dataset": {"root": str(root)}}))
    assert "masks" in run.planned("--printshellcmds")
    lists = ["classes.csv", "train.csv", "counts.csv"]
    ran = run.snakemake("--", *(f"results/shell/dataset/{name}" for name in lists))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert pd.read_csv(run.folder / "dataset" / "classes.csv")["class"].tolist() == [EVIL, "cat"]
    index = pd.read_csv(run.folder / "dataset" / "train.csv")
    assert index["labels"].tolist() == [f"{EVIL};cat"] * len(index)
    # The file of the settings is not there, which stops the stage that wants it, in words.
    ran = run.snakemake("--", "results/shell/classifier/model.safetensors")
    assert ran.returncode != 0
    assert "no such weights file" in ran.stderr
    assert not list(tmp_path.rglob("pwned"))
