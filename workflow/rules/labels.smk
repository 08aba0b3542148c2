"""Confident labels, and the pairs that they give."""


rule labels:
    input:
        crf=f"{RUN}/crf/{{shard}}",
    output:
        labels=directory(f"{RUN}/labels/{{shard}}"),
        receipt=f"{RUN}/labels/{{shard}}.json",
    log:
        f"{RUN}/logs/labels/{{shard}}.log",
    priority: 40
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=minutes(1),
    params:
        cfg=cfg("grid"),
        code=code("labels"),
        data="none",
    shell:
        call_shard("labels", inputs=["crf"], outputs=["labels"])
