"""Fine-tuning on image-level labels."""


rule classifier:
    input:
        index=indexes("dataset", TRAIN_SHARDS),
        classes=f"{RUN}/dataset/classes.csv",
    output:
        model=f"{RUN}/classifier/model.safetensors",
        history=f"{RUN}/classifier/history.csv",
        receipt=f"{RUN}/classifier/receipt.json",
    log:
        f"{RUN}/logs/classifier.log",
    priority: 100
    conda:
        ENVIRONMENT
    threads: workflow.cores
    resources:
        mem_mb=memory(8000, each=0.002, photographs=TO_LEARN),
        runtime=minutes(0.2, CLASSIFIER_VIEWS),
        gpu=GPU_TO_TRAIN,
    params:
        cfg=cfg("classifier", "seed"),
        code=code("classifier"),
        data=data_of_train,
    shell:
        call(
            "classifier",
            inputs=["index", "classes"],
            outputs=["model", "history"],
        )
