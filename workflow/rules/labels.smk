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
    params:
        cfg=cfg("grid"),
        code=code("labels"),
        data="none",
    shell:
        call_shard("labels", inputs=["crf"], outputs=["labels"])
