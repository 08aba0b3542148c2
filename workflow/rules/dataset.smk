"""The photographs: drawn if they are the built-in ones, then checked and listed.

What is wrong with them has to be said before anything is trained: these rules go first.
"""

DRAWN_PHOTOGRAPHS = (
    [f"{RUN}/photographs"] if config["dataset"]["kind"] == "shapes" else []
)

if config["dataset"]["kind"] == "shapes":

    rule shapes:
        output:
            photographs=directory(f"{RUN}/photographs"),
            receipt=f"{RUN}/photographs.json",
        log:
            f"{RUN}/logs/shapes.log",
        conda:
            ENVIRONMENT
        params:
            cfg=json.dumps(
                {"shapes": config["dataset"]["shapes"], "seed": config["seed"]},
                sort_keys=True,
            ),
            code=code("shapes"),
            data="none",
        shell:
            call("shapes", outputs=["photographs"])


rule classes:
    output:
        classes=f"{RUN}/dataset/classes.csv",
        receipt=f"{RUN}/dataset/classes.json",
    log:
        f"{RUN}/logs/classes.log",
    priority: 200
    conda:
        ENVIRONMENT
    params:
        cfg=cfg_of_dataset("kind", "classes"),
        code=code("classes"),
        data=DATA_OF_CLASSES,
    shell:
        call("classes", outputs=["classes"])


rule dataset:
    input:
        photographs=DRAWN_PHOTOGRAPHS,
    output:
        index=f"{RUN}/dataset/{{index}}.csv",
        receipt=f"{RUN}/dataset/{{index}}.json",
    log:
        f"{RUN}/logs/dataset/{{index}}.log",
    priority: 200
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=minutes(0.1, IN_INDEX),
    params:
        cfg=cfg_of_dataset("kind", "classes"),
        code=code("dataset"),
        data=data_of_index,
    shell:
        call("dataset", inputs=["photographs"], outputs=["index"])
        + " --shard {wildcards.index}"


rule truth:
    input:
        photographs=DRAWN_PHOTOGRAPHS,
        index=f"{RUN}/dataset/{{index}}.csv",
    output:
        truth=f"{RUN}/truth/{{index}}.csv",
        receipt=f"{RUN}/truth/{{index}}.json",
    log:
        f"{RUN}/logs/truth/{{index}}.log",
    priority: 200
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=minutes(0.1, IN_INDEX),
    params:
        cfg=cfg_of_dataset("kind", "masks"),
        code=code("truth"),
        data=data_of_index_with_masks,
    shell:
        call("truth", inputs=["photographs", "index"], outputs=["truth"])
        + " --shard {wildcards.index}"


rule counts:
    input:
        index=indexes("dataset", SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
    output:
        counts=f"{RUN}/dataset/counts.csv",
        receipt=f"{RUN}/dataset/counts.json",
    log:
        f"{RUN}/logs/counts.log",
    priority: 200
    conda:
        ENVIRONMENT
    params:
        cfg=cfg_of_counts(),
        code=code("counts"),
        data="none",
    shell:
        call("counts", inputs=["index", "classes"], outputs=["counts"])
