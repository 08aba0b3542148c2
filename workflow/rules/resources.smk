"""What jobs ask for, of a scheduler or of this machine: how, never what, so a reason for nothing.

Rules without resources of their own get those of the profile. All jobs of a rule ask for the same,
by the largest shard.
"""

from cuewalk.devices import gpus_of_a_job

# Photographs that a job may have to handle: of a shard, of an index, to learn from, with masks.
IN_SHARD = max(map(len, SHARDED.values()))
IN_INDEX = max(map(len, INDEXED.values()))
TO_LEARN = sum("train" in one.roles for one in LISTED)
JUDGED = sum(bool({"select", "evaluate"} & set(one.roles)) for one in LISTED)
CLASSIFIER_VIEWS = TO_LEARN * config["classifier"]["training"]["epochs"]
AFFINITYNET_VIEWS = TO_LEARN * config["affinitynet"]["epochs"]

# Megabytes: of a photograph's row in its index, of its confusions under every background, and of the
# counts that the tables take from them.
ROW = 0.0015
CONFUSIONS = 0.0007 * (len(CLASSES.names) + 1) ** 2
COUNTS = 0.0042 * (len(CLASSES.names) + 1)

# GPUs of a job that runs a network. A job on another machine reads these rules again: it asks for
# what the run asked for, whatever that machine has.
GPU = int(
    os.environ.setdefault(
        "CUEWALK_GPU", str(gpus_of_a_job(config["compute"]["device"]))
    )
)
# Each of several processes that train one network takes a GPU of its own.
GPU_TO_TRAIN = GPU * config["compute"]["processes"]


def memory(base, each=1, photographs=IN_SHARD):
    """Megabytes: `base`, so many for each photograph, its index; as much again at every attempt."""

    def of_attempt(wildcards, attempt):
        return attempt * round(base + each * photographs + ROW * IN_INDEX)

    return of_attempt


def minutes(seconds, photographs=IN_SHARD):
    """Minutes: ten, and so many seconds for each photograph; as much again at every attempt."""

    def of_attempt(wildcards, attempt):
        return attempt * round(10 + seconds * photographs / 60)

    return of_attempt
