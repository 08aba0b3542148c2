"""The random walk: cues spread along the affinities."""


rule walk:
    input:
        index=index_of_shard,
        cues=f"{RUN}/cues/{{shard}}",
        model=f"{RUN}/affinitynet/model.safetensors",
    output:
        walk=directory(f"{RUN}/walk/{{shard}}"),
        receipt=f"{RUN}/walk/{{shard}}.json",
    log:
        f"{RUN}/logs/walk/{{shard}}.log",
    priority: 30
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(6000, each=4),
        runtime=minutes(10),
        gpu=GPU,
    params:
        cfg=cfg("walk", "masks", "cue_map"),
        code=code("walk"),
        data=data_of_shard,
    shell:
        call_shard("walk", inputs=["index", "cues", "model"], outputs=["walk"])
