"""The tables."""


rule metrics:
    input:
        index=indexes("dataset", SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
        confusion_cue=expand(f"{RUN}/confusion/cue/{{shard}}", shard=SHARDS),
        confusion_crf=expand(f"{RUN}/confusion/crf/{{shard}}", shard=SHARDS),
        confusion_walk=expand(f"{RUN}/confusion/walk/{{shard}}", shard=SHARDS),
        confusion_labels=expand(
            f"{RUN}/confusion/labels/{{shard}}", shard=shards_with("train", "select")
        ),
    output:
        masks=f"{RUN}/metrics/masks.csv",
        background=f"{RUN}/metrics/background.csv",
        labels=f"{RUN}/metrics/labels.csv",
        receipt=f"{RUN}/metrics/receipt.json",
    log:
        f"{RUN}/logs/metrics.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000 + CONFUSIONS * IN_SHARD, COUNTS, JUDGED),
    params:
        cfg=cfg("metrics", "seed"),
        code=code("metrics"),
        data="none",
    shell:
        call(
            "metrics",
            inputs=[
                "index",
                "classes",
                "confusion_cue",
                "confusion_crf",
                "confusion_walk",
                "confusion_labels",
            ],
            outputs=["masks", "background", "labels"],
        )
