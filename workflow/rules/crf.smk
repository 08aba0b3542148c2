"""Dense CRF at both alphas: the confident foreground and background."""


rule crf:
    input:
        index=index_of_shard,
        cues=f"{RUN}/cues/{{shard}}",
    output:
        crf=directory(f"{RUN}/crf/{{shard}}"),
        receipt=f"{RUN}/crf/{{shard}}.json",
    log:
        f"{RUN}/logs/crf/{{shard}}.log",
    priority: 45
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=4),
        runtime=minutes(10),
    params:
        cfg=cfg("crf", "cue_map", "grid"),
        code=code("crf"),
        data=data_of_shard,
    shell:
        call_shard("crf", inputs=["index", "cues"], outputs=["crf"])
