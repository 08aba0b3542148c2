"""Photographs with image-level labels in, pixel masks out: one rule per stage, in order."""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/classifier.smk"
include: "workflow/rules/cues.smk"
include: "workflow/rules/crf.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/affinitynet.smk"
include: "workflow/rules/walk.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/confusion.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        f"{RUN}/report.html",
        # Intermediates too, so that a deleted one is noticed and made again.
        f"{RUN}/dataset/index.csv",
        f"{RUN}/classifier/model.safetensors",
        expand(
            f"{RUN}/{{stage}}/{{shard}}",
            stage=["cues", "crf", "labels", "walk"],
            shard=SHARDS,
        ),
        f"{RUN}/affinitynet/model.safetensors",
        expand(f"{RUN}/masks/{{shard}}", shard=MASK_SHARDS),


onsuccess:
    print_summary()
