"""Against ground truth: the only rules, with metrics and report, that may read a mask of it."""


rule confusion_cue:
    input:
        index=index_of_shard,
        classes=f"{RUN}/dataset/classes.csv",
        truth=truth_of_shard,
        cues=f"{RUN}/cues/{{shard}}",
    output:
        confusion=directory(f"{RUN}/confusion/cue/{{shard}}"),
        receipt=f"{RUN}/confusion/cue/{{shard}}.json",
    log:
        f"{RUN}/logs/confusion_cue/{{shard}}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=1 + CONFUSIONS),
        runtime=minutes(2),
    params:
        cfg=cfg("cue_map", "sweep"),
        code=code("confusion_cue"),
        data=data_of_shard_with_masks,
    shell:
        call_shard(
            "confusion_cue",
            inputs=["index", "classes", "truth", "cues"],
            outputs=["confusion"],
        )


rule confusion_crf:
    input:
        index=index_of_shard,
        classes=f"{RUN}/dataset/classes.csv",
        truth=truth_of_shard,
        cues=f"{RUN}/cues/{{shard}}",
    output:
        confusion=directory(f"{RUN}/confusion/crf/{{shard}}"),
        receipt=f"{RUN}/confusion/crf/{{shard}}.json",
    log:
        f"{RUN}/logs/confusion_crf/{{shard}}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=1 + CONFUSIONS),
        runtime=minutes(30),
    params:
        cfg=cfg("crf", "cue_map", "sweep"),
        code=code("confusion_crf"),
        data=data_of_shard_with_masks,
    shell:
        call_shard(
            "confusion_crf",
            inputs=["index", "classes", "truth", "cues"],
            outputs=["confusion"],
        )


rule confusion_walk:
    input:
        index=index_of_shard,
        classes=f"{RUN}/dataset/classes.csv",
        truth=truth_of_shard,
        walk=f"{RUN}/walk/{{shard}}",
    output:
        confusion=directory(f"{RUN}/confusion/walk/{{shard}}"),
        receipt=f"{RUN}/confusion/walk/{{shard}}.json",
    log:
        f"{RUN}/logs/confusion_walk/{{shard}}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=1 + CONFUSIONS),
        runtime=minutes(3),
    params:
        cfg=cfg("masks", "sweep"),
        code=code("confusion_walk"),
        data=data_of_shard_with_masks,
    shell:
        call_shard(
            "confusion_walk",
            inputs=["index", "classes", "truth", "walk"],
            outputs=["confusion"],
        )


rule confusion_labels:
    input:
        index=index_of_shard,
        classes=f"{RUN}/dataset/classes.csv",
        truth=truth_of_shard,
        labels=f"{RUN}/labels/{{shard}}",
    output:
        confusion=directory(f"{RUN}/confusion/labels/{{shard}}"),
        receipt=f"{RUN}/confusion/labels/{{shard}}.json",
    log:
        f"{RUN}/logs/confusion_labels/{{shard}}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000, each=1 + CONFUSIONS),
        runtime=minutes(1),
    params:
        cfg=cfg("grid"),
        code=code("confusion_labels"),
        data=data_of_shard_with_masks,
    shell:
        call_shard(
            "confusion_labels",
            inputs=["index", "classes", "truth", "labels"],
            outputs=["confusion"],
        )
