"""AffinityNet, taught by the confident labels of the training photographs."""


rule affinitynet:
    input:
        index=indexes("dataset", TRAIN_SHARDS),
        model=f"{RUN}/classifier/model.safetensors",
        labels=expand(f"{RUN}/labels/{{shard}}", shard=TRAIN_SHARDS),
    output:
        model=f"{RUN}/affinitynet/model.safetensors",
        history=f"{RUN}/affinitynet/history.csv",
        receipt=f"{RUN}/affinitynet/receipt.json",
    log:
        f"{RUN}/logs/affinitynet.log",
    priority: 60
    conda:
        ENVIRONMENT
    threads: workflow.cores
    resources:
        mem_mb=memory(8000, each=0.01, photographs=TO_LEARN),
        runtime=minutes(0.2, AFFINITYNET_VIEWS),
        gpu=GPU_TO_TRAIN,
    params:
        cfg=cfg("affinitynet", "grid", "seed"),
        code=code("affinitynet"),
        data=data_of_train,
    shell:
        call(
            "affinitynet",
            inputs=["index", "model", "labels"],
            outputs=["model", "history"],
        )
