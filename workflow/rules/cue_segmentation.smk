"""Maps of the explainers as soft masks, against ground truth: the paper's table 3."""


rule segmentation:
    input:
        index=index_of_shard,
        classes=f"{RUN}/dataset/classes.csv",
        truth=truth_of_shard,
        explanations=f"{RUN}/explanations/{{method}}/{{shard}}",
    output:
        segmentation=directory(f"{RUN}/segmentation/{{method}}/{{shard}}"),
        receipt=f"{RUN}/segmentation/{{method}}/{{shard}}.json",
    log:
        f"{RUN}/logs/segmentation/{{method}}/{{shard}}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=4),
        runtime=minutes(2),
    params:
        cfg=cfg(),
        code=code("segmentation"),
        data=data_of_shard_with_masks,
    shell:
        call_shard(
            "segmentation",
            inputs=["index", "classes", "truth", "explanations"],
            outputs=["segmentation"],
        )


rule cue_segmentation:
    input:
        segmentation=expand(
            f"{RUN}/segmentation/{{method}}/{{shard}}",
            method=METHODS,
            shard=EVALUATE_SHARDS,
        ),
        receipts=expand(
            f"{RUN}/explanations/{{method}}/{{shard}}.json",
            method=METHODS,
            shard=EVALUATE_SHARDS,
        ),
    output:
        cue_segmentation=f"{RUN}/metrics/cue_segmentation.csv",
        receipt=f"{RUN}/metrics/cue_segmentation.json",
    log:
        f"{RUN}/logs/cue_segmentation.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg_of_table(),
        code=code("cue_segmentation"),
        data="none",
    shell:
        call(
            "cue_segmentation",
            inputs=["segmentation", "receipts"],
            outputs=["cue_segmentation"],
        )
