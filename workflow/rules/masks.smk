"""The product: indexed PNG masks in the VOC palette."""


rule masks:
    input:
        index=index_of_shard,
        walk=f"{RUN}/walk/{{shard}}",
    output:
        masks=directory(f"{RUN}/masks/{{shard}}"),
        receipt=f"{RUN}/masks/{{shard}}.json",
    log:
        f"{RUN}/logs/masks/{{shard}}.log",
    priority: 10
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=4),
        runtime=minutes(1),
    params:
        cfg=cfg("masks", "walk"),
        code=code("masks"),
        data=data_of_shard,
    shell:
        call_shard("masks", inputs=["index", "walk"], outputs=["masks"])
