"""Maps of the explainers: every method's view of the predicted and of the true classes."""


rule explanations:
    input:
        index=index_of_shard,
        model=f"{RUN}/classifier/model.safetensors",
        predictions=f"{RUN}/predictions/{{shard}}",
    output:
        explanations=directory(f"{RUN}/explanations/{{method}}/{{shard}}"),
        receipt=f"{RUN}/explanations/{{method}}/{{shard}}.json",
    log:
        f"{RUN}/logs/explanations/{{method}}/{{shard}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(8000, each=4),
        runtime=minutes(20),
        gpu=GPU,
    params:
        cfg=cfg_of_method,
        code=code_of_method,
        data=data_of_shard,
    shell:
        call_shard(
            "explanations",
            inputs=["index", "model", "predictions"],
            outputs=["explanations"],
        )
