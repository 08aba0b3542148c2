"""Photographs with image-level labels in, pixel masks out: one rule per stage, in order."""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/classifier.smk"
include: "workflow/rules/predictions.smk"
include: "workflow/rules/cues.smk"
include: "workflow/rules/crf.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/affinitynet.smk"
include: "workflow/rules/walk.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/exports.smk"
include: "workflow/rules/confusion.smk"
include: "workflow/rules/explanations.smk"
include: "workflow/rules/faithfulness.smk"
include: "workflow/rules/cue_segmentation.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        targets(),


onstart:
    check_writable()
    start_watch()


onsuccess:
    end_watch("done", log)
    print_summary()


onerror:
    end_watch("failed", log)
