"""Perturbation tests of the explainers: the paper's table 2."""


rule perturbation:
    input:
        index=index_of_shard,
        model=f"{RUN}/classifier/model.safetensors",
        predictions=f"{RUN}/predictions/{{shard}}",
        explanations=f"{RUN}/explanations/{{method}}/{{shard}}",
    output:
        perturbation=directory(f"{RUN}/perturbation/{{method}}/{{shard}}"),
        receipt=f"{RUN}/perturbation/{{method}}/{{shard}}.json",
    log:
        f"{RUN}/logs/perturbation/{{method}}/{{shard}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(6000, each=4),
        runtime=minutes(30),
        gpu=GPU,
    params:
        cfg=cfg("seed"),
        code=code("perturbation"),
        data=data_of_shard,
    shell:
        call_shard(
            "perturbation",
            inputs=["index", "model", "predictions", "explanations"],
            outputs=["perturbation"],
        )


rule faithfulness:
    input:
        index=indexes("dataset", EVALUATE_SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
        perturbation=expand(
            f"{RUN}/perturbation/{{method}}/{{shard}}",
            method=METHODS,
            shard=EVALUATE_SHARDS,
        ),
        receipts=expand(
            f"{RUN}/explanations/{{method}}/{{shard}}.json",
            method=METHODS,
            shard=EVALUATE_SHARDS,
        ),
    output:
        faithfulness=f"{RUN}/metrics/faithfulness.csv",
        curves=f"{RUN}/metrics/perturbation.csv",
        receipt=f"{RUN}/metrics/faithfulness.json",
    log:
        f"{RUN}/logs/faithfulness.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg_of_table(),
        code=code("faithfulness"),
        data="none",
    shell:
        call(
            "faithfulness",
            inputs=["index", "classes", "perturbation", "receipts"],
            outputs=["faithfulness", "curves"],
        )
