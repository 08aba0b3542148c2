"""What all rules share: the checked config, the names of the shards, how a stage is called."""

import json
import logging
import os
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from cuewalk.artifacts.code import code_digest
from cuewalk.artifacts.digests import FileDigests, digest_of
from cuewalk.config import check_config, merge_config, plain_values, read_config
from cuewalk.datasets.listing import (
    ROLES,
    data_digest,
    has_truth,
    list_classes,
    list_photographs,
)
from cuewalk.errors import InputError
from cuewalk.explain.registry import MODULES, OPTIONS
from cuewalk.watch.bars import WholeLines
from cuewalk.watch.plan import RUN_STATE, Plan, PlannedJob, write_plan
from cuewalk.watch.pulse import Pulse

# `config` holds what --configfile and --config give; it is laid over config.yaml.
try:
    default = read_config(Path(workflow.basedir, "config.yaml"))
    config = check_config(merge_config(default, plain_values(default, config)))
    RUN = f"results/{config['run']}"
    ROOT = Path(config["dataset"]["root"] or f"{RUN}/photographs")
    # Before a look at the photographs: masks of an earlier run would be among them.
    if config["dataset"]["kind"] == "folder" and (
        Path(RUN).resolve().is_relative_to(ROOT.resolve())
    ):
        raise InputError(
            f"config key dataset.root: the results would lie among the photographs in {ROOT}; "
            "keep these in a folder of their own."
        )
    LISTED = list_photographs(config["dataset"], ROOT)
    CLASSES = list_classes(config["dataset"], ROOT)
except InputError as error:
    raise WorkflowError(str(error)) from None

ENVIRONMENT = "../../envs/cuewalk.yaml"
# Beside the parameters, through the environment, goes what is no reason to compute anything again: how
# to run, where the photographs lie, and in which lists; what these hold is in the digest of the data.
# Stages run with the interpreter that runs Snakemake, whether its environment is activated or not.
os.environ.update(
    PATH=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    ),
    CUEWALK_COMPUTE=json.dumps(config["compute"]),
    CUEWALK_ROOT=str(ROOT),
    CUEWALK_DATASET=json.dumps({**config["dataset"], "shards": config["shards"]}),
    CUEWALK_WANTED=json.dumps(
        {"tables": config["tables"], "methods": config["explain"]["methods"]}
    ),
)


# Photographs to learn from and to select on lie in the train shards, the others in the evaluate ones.
# The train shards share an index, since all that is learnt from is one thing.
SHARDED, INDEXED, INDEX_OF = {}, {}, {}
for one in LISTED:
    shard, index = one.shard(config["shards"]), one.index(config["shards"])
    SHARDED.setdefault(shard, []).append(one)
    INDEXED.setdefault(index, []).append(one)
    INDEX_OF[shard] = index


def shards_with(*roles):
    """The shards that hold photographs with one of these roles."""
    return [
        shard
        for shard, listed in sorted(SHARDED.items())
        if any(set(roles) & set(one.roles) for one in listed)
    ]


SHARDS = shards_with(*ROLES)
TRAIN_SHARDS = shards_with("train")
EVALUATE_SHARDS = shards_with("evaluate")
MASK_SHARDS = shards_with(*config["masks"]["splits"])
# Without masks of ground truth nothing is scored.
SCORED = has_truth(config["dataset"])


def index_of_shard(wildcards):
    """The index that lists a shard's photographs, as an input."""
    return f"{RUN}/dataset/{INDEX_OF[wildcards.shard]}.csv"


def truth_of_shard(wildcards):
    """The list of ground truth beside it, as an input."""
    return f"{RUN}/truth/{INDEX_OF[wildcards.shard]}.csv"


def indexes(folder, shards):
    """Those in a folder, `dataset` or `truth`, that list the photographs of some shards."""
    return [
        f"{RUN}/{folder}/{name}.csv" for name in sorted({INDEX_OF[s] for s in shards})
    ]


METHODS = config["explain"]["methods"]
# The tables of the explainers, and the stage that scores a method for each.
EXPLAINED = {"faithfulness": "perturbation", "cue_segmentation": "segmentation"}


wildcard_constraints:
    shard=r"(train|evaluate)-\d{3,4}",
    index=r"train|evaluate-\d{3,4}",
    method="|".join(MODULES),


def verbatim(settings):
    """Settings as canonical JSON for a parameter, by a function.

    Snakemake would fill in what looks like a wildcard in a text, as a class called {shard}.
    """
    text = json.dumps(settings, sort_keys=True)
    return lambda wildcards: text


def cfg(*sections):
    """The config sections that a stage may read, as one canonical JSON string.

    One string, because Snakemake compares a rule's parameters as an unordered set: two values that
    swap their names would go unnoticed.
    """
    settings = {name: config[name] for name in sections}
    if "dataset" in settings:
        # Where the photographs lie is no reason to compute anything again.
        kept = {k: v for k, v in config["dataset"].items() if k != "root"}
        settings["dataset"] = kept
    return verbatim(settings)


def cfg_of_dataset(*keys):
    """Some keys of config section `dataset`, in the same form; what lists hold is in the data."""
    kept = {key: config["dataset"][key] for key in keys}
    return verbatim({"dataset": kept})


def cfg_of_counts():
    """Names of the lists by role, in the same form."""
    lists = {role: config["dataset"][role] for role in ROLES}
    named = {role: name for role, name in lists.items() if name is not None}
    return verbatim({"lists": named})


def cfg_of_method(wildcards):
    """The name of a method and those settings that shape its maps, in the same form."""
    values = {**config["explain"], "seed": config["seed"]}
    options = {key: values[key] for key in OPTIONS.get(wildcards.method, ())}
    method, module = wildcards.method, MODULES[wildcards.method]
    return json.dumps(
        {
            "method": method,
            "module": module,
            "options": options,
            "share": config["explain"]["share"],
        },
        sort_keys=True,
    )


def cfg_of_table():
    """What the tables of the explainers may know, in the same form."""
    return verbatim(
        {
            "methods": METHODS,
            "kind": config["dataset"]["kind"],
            "bootstrap": config["metrics"]["bootstrap"],
            "seed": config["seed"],
        }
    )


def code(stage, *modules):
    """Digest of the stage's code, which Snakemake cannot see in imported modules."""
    return code_digest(f"cuewalk.stages.{stage}", *modules)


def code_of_method(wildcards):
    """The same, with the code of the method; a new method leaves the others' digest alone."""
    return code("explanations", MODULES[wildcards.method])


# What the data are, by content. Photographs are no inputs of rules: a touched one would be a reason
# to compute again, and ten thousand of them slow Snakemake down. The built-in ones are drawn by a rule,
# so what they are drawn from stands for them.
@cache
def files():
    """Digests of the files, as far as they are remembered."""
    return FileDigests(Path("results", ".digests.json"))


DRAWN = (
    {
        "shapes": config["dataset"]["shapes"],
        "seed": config["seed"],
        "code": code("shapes"),
    }
    if config["dataset"]["kind"] == "shapes"
    else None
)


@cache
def data(name, masks=False):
    """Digest of the photographs of a shard or index, with their labels and, if asked for, masks."""
    return data_of({**SHARDED, **INDEXED}[name], masks=masks)


def data_of(listed, masks=False):
    """The same of any photographs."""
    return data_digest(
        config["dataset"], ROOT, listed, files(), masks=masks, drawn=DRAWN
    )


@cache
def data_to_learn():
    """Digest of the photographs to learn from, with their labels."""
    return data_of([one for one in LISTED if "train" in one.roles])


def data_of_train(wildcards):
    """The same, for a rule without wildcards."""
    return data_to_learn()


def data_of_index(wildcards):
    """Digest of an index's photographs and labels."""
    return data(wildcards.index)


def data_of_index_with_masks(wildcards):
    """The same, with ground truth."""
    return data(wildcards.index, masks=True)


def data_of_shard(wildcards):
    """Digest of a shard's photographs and labels."""
    return data(wildcards.shard)


def data_of_shard_with_masks(wildcards):
    """The same, with ground truth."""
    return data(wildcards.shard, masks=True)


DATA_OF_CLASSES = digest_of({"names": CLASSES.names, "mask_ids": CLASSES.mask_ids})
# The plan needs them all; a job on another machine reads these rules again, and needs but its own.
if workflow.is_main_process:
    for shard in SHARDS:
        data(shard, masks=True)
    files().save()


def call(stage, inputs=(), outputs=()):
    """The shell command of a stage: the same options, in the same order, for every stage."""
    parts = [
        f"python -m cuewalk.stages.{stage}",
        "--cfg {params.cfg:q} --code {params.code} --data {params.data}",
        "--threads {threads} --log {log:q} --receipt {output.receipt:q}",
        *(f"--input {name} {{input.{name}:q}}" for name in inputs),
        *(f"--output {name} {{output.{name}:q}}" for name in outputs),
    ]
    return " ".join(parts)


def call_shard(stage, inputs=(), outputs=()):
    """The same for a stage that is cut into shards."""
    return call(stage, inputs, outputs) + " --shard {wildcards.shard}"


def of_shards(stage, shards):
    """The folders of a stage."""
    return expand(f"{RUN}/{stage}/{{shard}}", shard=shards)


def for_table(table, paths):
    """Some paths if the config asks for a table, else none."""
    return paths if table in config["tables"] else []


def for_scores(paths):
    """Some paths if masks are made and compared with ground truth, else none."""
    return for_table("masks", paths) if SCORED else []


def of_explainers(stage):
    """The folders of a stage that every explainer has its own of, if a table needs any."""
    if not set(EXPLAINED) & set(config["tables"]):
        return []
    return [
        path for m in METHODS for path in of_shards(f"{stage}/{m}", EVALUATE_SHARDS)
    ]


def targets():
    """All that the tables that the config asks for are made of.

    Intermediates too: Snakemake only misses a deleted one if it is asked for.
    """
    found = [f"{RUN}/dataset/counts.csv", f"{RUN}/classifier/model.safetensors"]
    found.append(f"{RUN}/report.html")
    found += [*DRAWN_PHOTOGRAPHS, *indexes("dataset", SHARDS)]
    if "masks" in config["tables"]:
        stages = ["cues", "crf", "labels", "walk"]
        found += expand(f"{RUN}/{{stage}}/{{shard}}", stage=stages, shard=SHARDS)
        found += expand(f"{RUN}/masks/{{shard}}", shard=MASK_SHARDS)
        found += expand(f"{RUN}/predictions/{{shard}}", shard=EVALUATE_SHARDS)
        found.append(f"{RUN}/affinitynet/model.safetensors")
        found.append(f"{RUN}/metrics/precision.csv")
        found += [*exported(), *(scored() if SCORED else [])]
    for table, stage in EXPLAINED.items():
        if table in config["tables"]:
            found += expand(
                f"{RUN}/{{stage}}/{{method}}/{{shard}}",
                stage=["explanations", stage],
                method=METHODS,
                shard=EVALUATE_SHARDS,
            )
            found.append(f"{RUN}/metrics/{table}.csv")
    return found


def scored():
    """What compares the masks with ground truth."""
    stages = ["confusion/cue", "confusion/crf", "confusion/walk"]
    found = expand(f"{RUN}/{{stage}}/{{shard}}", stage=stages, shard=SHARDS)
    found += indexes("truth", SHARDS)
    return [*found, f"{RUN}/metrics/masks.csv"]


def exported():
    """The further forms of the masks that the config asks for."""
    wanted = config["exports"]
    found = [f"{RUN}/exports/coco"] if "coco" in wanted else []
    shards = MASK_SHARDS if "confidence" in wanted else []
    return found + expand(f"{RUN}/exports/confidence/{{shard}}", shard=shards)


def check_writable():
    """Refuse before the first job what every job would fail at."""
    place = Path(RUN)
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        raise WorkflowError(
            f"{place}: cannot be written to; change that or run somewhere else."
        )


def photographs_of(job):
    """How many photographs a job is about, so that its time can be told from those of others."""
    if "shard" in job.wildcards_dict:
        return len(SHARDED[job.wildcards_dict["shard"]])
    if "index" in job.wildcards_dict:
        return len(INDEXED[job.wildcards_dict["index"]])
    trains = job.rule.name in ("classifier", "affinitynet")
    return sum("train" in one.roles for one in LISTED) if trains else 0


def in_run(path):
    """A path as seen from the run's folder, wherever Snakemake's storage keeps its copies."""
    return str(path).split(f"{RUN}/", 1)[1]


def start_watch():
    """Write down all jobs, for `cuewalk status`, and tell from now on that this process lives."""
    global WATCHED
    jobs = [
        PlannedJob(
            job.rule.name,
            in_run(job.log[0]),
            in_run(job.output.receipt),
            photographs_of(job),
            workflow.dag.needrun(job),
        )
        for job in workflow.dag.jobs
        if job.log
    ]
    stages = tuple(rule.name for rule in workflow.rules)
    write_plan(Path(RUN), Plan(stages, tuple(sorted(jobs, key=lambda job: job.name))))
    WATCHED = Pulse(Path(RUN, RUN_STATE))
    # Jobs draw their bars on the same terminal.
    for handler in workflow.logger_manager.logger.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream.isatty():
            handler.setStream(WholeLines(handler.stream))


def end_watch(state, log):
    """Tell how the run ended, and where Snakemake's log lies."""
    if state == "failed":
        print(f"What is done, what failed: cuewalk status {RUN}", file=sys.stderr)
    WATCHED.end(state, text=", ".join([log] if isinstance(log, str) else log))


def print_summary():
    """The closing table, and where the products lie."""
    from cuewalk.summary import is_finished, print_run

    # A run may stop at an earlier stage, when only that was asked for.
    if is_finished(Path(RUN)):
        print_run(Path(RUN))
