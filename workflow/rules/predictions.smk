"""What the classifier says of the photographs to report on, and how precise it is."""


rule predictions:
    input:
        index=index_of_shard,
        model=f"{RUN}/classifier/model.safetensors",
    output:
        predictions=directory(f"{RUN}/predictions/{{shard}}"),
        receipt=f"{RUN}/predictions/{{shard}}.json",
    log:
        f"{RUN}/logs/predictions/{{shard}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=minutes(2),
        gpu=GPU,
    params:
        cfg=cfg(),
        code=code("predictions"),
        data=data_of_shard,
    shell:
        call_shard("predictions", inputs=["index", "model"], outputs=["predictions"])


rule precision:
    input:
        index=indexes("dataset", EVALUATE_SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
        predictions=expand(f"{RUN}/predictions/{{shard}}", shard=EVALUATE_SHARDS),
    output:
        precision=f"{RUN}/metrics/precision.csv",
        receipt=f"{RUN}/metrics/precision.json",
    log:
        f"{RUN}/logs/precision.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg(),
        code=code("precision"),
        data="none",
    shell:
        call(
            "precision",
            inputs=["index", "classes", "predictions"],
            outputs=["precision"],
        )
