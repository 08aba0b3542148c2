"""Relevance of every labelled class, as token grids."""


rule cues:
    input:
        index=index_of_shard,
        model=f"{RUN}/classifier/model.safetensors",
    output:
        cues=directory(f"{RUN}/cues/{{shard}}"),
        receipt=f"{RUN}/cues/{{shard}}.json",
    log:
        f"{RUN}/logs/cues/{{shard}}.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=minutes(20),
        gpu=GPU,
    params:
        cfg=cfg("cues"),
        code=code("cues"),
        data=data_of_shard,
    shell:
        call_shard("cues", inputs=["index", "model"], outputs=["cues"])
