"""Further forms of the masks, for those who ask: they are made from masks or walk, and lead nowhere."""


rule coco:
    input:
        index=indexes("dataset", MASK_SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
        masks=expand(f"{RUN}/masks/{{shard}}", shard=MASK_SHARDS),
    output:
        coco=directory(f"{RUN}/exports/coco"),
        receipt=f"{RUN}/exports/coco.json",
    log:
        f"{RUN}/logs/coco.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg(),
        code=code("coco"),
        data="none",
    shell:
        call("coco", inputs=["index", "classes", "masks"], outputs=["coco"])


rule confidence:
    input:
        index=index_of_shard,
        walk=f"{RUN}/walk/{{shard}}",
    output:
        confidence=directory(f"{RUN}/exports/confidence/{{shard}}"),
        receipt=f"{RUN}/exports/confidence/{{shard}}.json",
    log:
        f"{RUN}/logs/confidence/{{shard}}.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg("masks", "walk"),
        code=code("confidence"),
        data=data_of_shard,
    shell:
        call_shard("confidence", inputs=["index", "walk"], outputs=["confidence"])
