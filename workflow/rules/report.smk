"""The page that a person opens."""


rule report:
    input:
        index=indexes("dataset", SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
        truth=indexes("truth", SHARDS),
        history=f"{RUN}/classifier/history.csv",
        precision=f"{RUN}/metrics/precision.csv",
        affinity_history=f"{RUN}/affinitynet/history.csv",
        masks=f"{RUN}/metrics/masks.csv",
        background=f"{RUN}/metrics/background.csv",
        labels=f"{RUN}/metrics/labels.csv",
        cues=expand(f"{RUN}/cues/{{shard}}", shard=SHARDS),
        crf=expand(f"{RUN}/crf/{{shard}}", shard=SHARDS),
        label_grids=expand(f"{RUN}/labels/{{shard}}", shard=SHARDS),
        walk=expand(f"{RUN}/walk/{{shard}}", shard=SHARDS),
    output:
        report=f"{RUN}/report.html",
        receipt=f"{RUN}/report.json",
    log:
        f"{RUN}/logs/report.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg("report", "walk", "masks", "cue_map", "sweep", "dataset"),
        code=code("report"),
        data="none",
    shell:
        call(
            "report",
            inputs=[
                "index",
                "classes",
                "truth",
                "history",
                "precision",
                "affinity_history",
                "masks",
                "background",
                "labels",
                "cues",
                "crf",
                "label_grids",
                "walk",
            ],
            outputs=["report"],
        )
