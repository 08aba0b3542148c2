"""Confident labels, and the pairs that they give."""


rule labels:
    input:
        crf=f"{RUN}/crf/{{shard}}",
    output:
        labels=directory(f"{RUN}/labels/{{shard}}"),
        receipt=f"{RUN}/labels/{{shard}}.json",
    log:
        f"{RUN}/logs/labels/{{shard}}.log",
    params:
        cfg=cfg("grid"),
        code=code("labels"),
    conda:
        ENVIRONMENT
    shell:
        call_shard("labels", inputs=["crf"], outputs=["labels"])
