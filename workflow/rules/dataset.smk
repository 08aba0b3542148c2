"""The photographs: drawn if they are the built-in ones, then checked and listed once."""

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


rule dataset:
    input:
        f"{RUN}/photographs" if config["dataset"]["kind"] == "shapes" else [],
    output:
        index=f"{RUN}/dataset/index.csv",
        truth=f"{RUN}/dataset/truth.csv",
        classes=f"{RUN}/dataset/classes.csv",
        receipt=f"{RUN}/dataset/receipt.json",
    log:
        f"{RUN}/logs/dataset.log",
    conda:
        ENVIRONMENT
    params:
        cfg=cfg("dataset"),
        code=code("dataset"),
        data=DATA_OF_ALL,
    shell:
        call("dataset", outputs=["index", "truth", "classes"])
