"""The page that a person opens."""


rule report:
    input:
        index=indexes("dataset", SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
        counts=f"{RUN}/dataset/counts.csv",
        history=f"{RUN}/classifier/history.csv",
        truth=for_scores(indexes("truth", SHARDS)),
        precision=for_table("masks", f"{RUN}/metrics/precision.csv"),
        affinity_history=for_table("masks", f"{RUN}/affinitynet/history.csv"),
        masks=for_scores(f"{RUN}/metrics/masks.csv"),
        background=for_scores(f"{RUN}/metrics/background.csv"),
        labels=for_scores(f"{RUN}/metrics/labels.csv"),
        cues=for_table("masks", of_shards("cues", SHARDS)),
        crf=for_table("masks", of_shards("crf", SHARDS)),
        label_grids=for_table("masks", of_shards("labels", SHARDS)),
        walk=for_table("masks", of_shards("walk", SHARDS)),
        written=for_table("masks", of_shards("masks", MASK_SHARDS)),
        confusion_cue=for_scores(of_shards("confusion/cue", EVALUATE_SHARDS)),
        confusion_walk=for_scores(of_shards("confusion/walk", EVALUATE_SHARDS)),
        faithfulness=for_table("faithfulness", f"{RUN}/metrics/faithfulness.csv"),
        curves=for_table("faithfulness", f"{RUN}/metrics/perturbation.csv"),
        cue_segmentation=for_table(
            "cue_segmentation", f"{RUN}/metrics/cue_segmentation.csv"
        ),
        explanations=of_explainers("explanations"),
    output:
        report=f"{RUN}/report.html",
        receipt=f"{RUN}/report.json",
    log:
        f"{RUN}/logs/report.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg("report", "walk", "masks", "cue_map", "sweep", "explain", "dataset"),
        code=code("report"),
        data="none",
    shell:
        call(
            "report",
            inputs=[
                "index",
                "classes",
                "counts",
                "history",
                "truth",
                "precision",
                "affinity_history",
                "masks",
                "background",
                "labels",
                "cues",
                "crf",
                "label_grids",
                "walk",
                "written",
                "confusion_cue",
                "confusion_walk",
                "faithfulness",
                "curves",
                "cue_segmentation",
                "explanations",
            ],
            outputs=["report"],
        )
