"""A run whose results lie on S3-compatible storage is the run that a disk would have."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from runs import ROOT, TINY, Run, products

from cuewalk.config import merge_config

BUCKET = "cuewalk"
LOGIN = {"aws_access_key_id": "name", "aws_secret_access_key": "word", "region_name": "us-east-1"}


@dataclass(frozen=True)
class Storage:
    """A bucket of a local server."""

    url: str
    client: Any

    def arguments(self) -> list[str]:
        """Of Snakemake, as docs/cluster.md has them."""
        return [
            *("--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}"),
            *("--storage-s3-endpoint-url", self.url, "--keep-storage-local-copies"),
            *("--storage-s3-access-key", LOGIN["aws_access_key_id"]),
            *("--storage-s3-secret-key", LOGIN["aws_secret_access_key"]),
        ]

    def download(self, folder: Path) -> None:
        """All that lies in the bucket, into a folder."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for item in page.get("Contents", []):
                path = folder / item["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                self.client.download_file(BUCKET, item["Key"], str(path))


@pytest.fixture
def storage() -> Iterator[Storage]:
    """A server with an empty bucket, stopped afterwards."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=url, **LOGIN)
    client.create_bucket(Bucket=BUCKET)
    yield Storage(url, client)
    server.stop()


@pytest.fixture
def local(tmp_path: Path) -> Run:
    """A small run on a disk, of photographs in VOC's layout."""
    drawn = Run(tmp_path / "drawn", TINY)
    drawn.work.mkdir()
    drawn.snakemake_or_fail("results/tiny/photographs")
    root = shutil.move(drawn.photographs, tmp_path / "photographs")
    changes = {"dataset": {"kind": "voc", "root": str(root)}, "tables": ["masks"]}
    run = Run(tmp_path / "local", merge_config(TINY, changes))
    run.work.mkdir()
    run.snakemake_or_fail()
    return run


def test_results_on_s3(storage: Storage, local: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "work", local.overlay)
    run.work.mkdir()
    # Stopped half-way, and gone on with from another folder, which has nothing but the bucket.
    run.snakemake_or_fail(*storage.arguments(), "--until", "labels")
    other = Run(tmp_path / "elsewhere", local.overlay)
    other.work.mkdir()
    rest = other.planned(*storage.arguments())
    assert not {"classifier", "cues", "crf", "labels"} & set(rest)
    run.snakemake_or_fail(*storage.arguments())
    assert run.planned(*storage.arguments()) == {}

    bucket = tmp_path / "bucket"
    storage.download(bucket)
    assert not (run.folder / "masks").exists()
    assert products(bucket / "results" / "tiny") == products(local.folder)
    for command in (["audit", "results"], ["diff", "results/tiny", str(local.folder)]):
        ran = subprocess.run(
            [sys.executable, "-m", "cuewalk.audit", *command],
            cwd=bucket,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
