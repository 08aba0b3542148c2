"""How far a run is, from what lies in its folder, whoever wrote it, whatever their clocks say."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuewalk.audit.cli import main
from cuewalk.errors import InputError
from cuewalk.watch.plan import PLAN, RUN_STATE, Plan, PlannedJob, write_plan
from cuewalk.watch.pulse import (
    BEAT,
    FRESH,
    Pulse,
    State,
    boot,
    printable,
    read_state,
    seems_alive,
    state_path,
)
from cuewalk.watch.screen import duration
from cuewalk.watch.status import Phase, RunPhase, run_status

HERE = (socket.gethostname(), boot())
SHARDS = [f"cues/train-{n:03d}" for n in range(4)]


def planned(name: str, *, photographs: int = 10, needed: bool = True) -> PlannedJob:
    stage = name.split("/", maxsplit=1)[0]
    return PlannedJob(stage, f"logs/{name}.log", f"{name}.json", photographs, needed)


def plan_of(folder: Path, *jobs: PlannedJob) -> None:
    write_plan(folder, Plan(tuple(dict.fromkeys(job.stage for job in jobs)), jobs))


def put(path: Path, **changes) -> State:
    """A state as another process would have left it."""
    now = time.time()
    state = replace(State("elsewhere", "b", 7, now - 100, now, 3), **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(state)))
    return state


def finish(folder: Path, name: str, **changes) -> None:
    """What a job leaves at its end: its receipt, and its last word."""
    receipt = folder / f"{name}.json"
    receipt.parent.mkdir(parents=True, exist_ok=True)
    receipt.write_text(json.dumps({"stage": "cues", "images": 10, "seconds": 4.0}))
    now = time.time()
    told = {"state": "done", "started": now - 5, "done": 10, "total": 10, "seconds": 4.0}
    put(state_path(folder / f"logs/{name}.log"), **(told | changes))


def no_wait(seconds: float) -> None:
    raise AssertionError(f"waited for {seconds} s")


@pytest.fixture
def folder(tmp_path):
    """A run of four jobs, whose Snakemake lives on another machine."""
    plan_of(tmp_path, *map(planned, SHARDS))
    put(tmp_path / RUN_STATE)
    return tmp_path


def test_counts_speed_and_time_left(folder):
    finish(folder, SHARDS[0])
    put(state_path(folder / f"logs/{SHARDS[1]}.log"), done=4, total=10, rate=2.0, text="cues")
    now = run_status(folder, no_wait)
    assert now.phase is RunPhase.RUNNING
    assert [now.count(phase) for phase in ("done", "running", "left")] == [1, 1, 2]
    (stage,) = now.stages
    assert (stage.images, stage.rate) == (14, 2.0)
    # The first job lived 5 s; the second 100 s, and has 6 photographs at 2 a second before it.
    each = (5 + 100 + 3) / 20
    assert stage.seconds_left == pytest.approx(3 + 20 * each, abs=0.1)
    assert now.seconds_left == pytest.approx(stage.seconds_left)
    (job,) = now.jobs
    assert (job.name, job.phase, job.seconds_left) == (SHARDS[1], Phase.RUNNING, 3)


def test_jobs_at_once_share_what_is_left(folder):
    for name in SHARDS[:2]:
        put(state_path(folder / f"logs/{name}.log"), done=5, total=10, rate=1.0)
    now = run_status(folder, no_wait)
    assert now.seconds_left == pytest.approx(now.stages[0].seconds_left / 2)


def test_what_has_no_speed_yet_is_told(folder):
    plan_of(folder, *map(planned, SHARDS), planned("walk/train-000"))
    finish(folder, SHARDS[0])
    now = run_status(folder, no_wait)
    assert now.unknown == ("walk",)
    assert now.stages[1].seconds_left is None
    said = CliRunner().invoke(main, ["status", str(folder)])
    assert said.exit_code == 0
    assert "at least" in " ".join(said.output.split())


def test_a_reused_artefact_tells_no_speed(folder):
    finish(folder, SHARDS[0], reused=True, seconds=0.0, done=0)
    receipt = folder / f"{SHARDS[0]}.json"
    receipt.write_text(json.dumps({"images": 10, "seconds": 4, "reused_from": "../x.json"}))
    (stage,) = run_status(folder, no_wait).stages
    assert (stage.done, stage.images, stage.rate, stage.seconds_left) == (1, 10, None, None)


def test_what_lies_there_of_a_job_to_be_done_again_counts_only_after_it(folder):
    for name in SHARDS:
        finish(folder, name)
    assert run_status(folder, no_wait).count("done") == 4
    again = [planned(name, needed=name == SHARDS[0]) for name in SHARDS]
    plan_of(folder, *again)
    assert run_status(folder, no_wait).count("left") == 1
    finish(folder, SHARDS[0])
    assert run_status(folder, no_wait).count("left") == 0


def test_a_finished_run_and_one_of_which_something_is_gone(folder):
    for name in SHARDS:
        finish(folder, name)
    put(folder / RUN_STATE, state="done")
    assert run_status(folder, no_wait).phase is RunPhase.FINISHED
    (folder / f"{SHARDS[2]}.json").unlink()
    assert run_status(folder, no_wait).phase is RunPhase.INCOMPLETE


def test_a_failed_job_is_named_with_its_sentence_and_log(folder):
    sentence = "voc/a.jpg: cannot be decoded; copy the file again."
    put(state_path(folder / f"logs/{SHARDS[3]}.log"), state="failed", text=sentence)
    put(folder / RUN_STATE, state="failed")
    now = run_status(folder, no_wait)
    assert now.phase is RunPhase.FAILED
    (job,) = now.jobs
    assert (job.phase, job.text, job.log) == (
        Phase.FAILED,
        sentence,
        f"{folder}/logs/{SHARDS[3]}.log",
    )
    said = CliRunner().invoke(main, ["status", str(folder)])
    assert said.exit_code == 1
    assert sentence.rstrip(".") in " ".join(said.output.split())


def test_not_started_and_without_a_plan(tmp_path):
    assert run_status(tmp_path / "none").phase is RunPhase.NOT_STARTED
    said = CliRunner().invoke(main, ["status", str(tmp_path / "none")])
    assert (said.exit_code, "not started" in said.output) == (1, True)
    finish(tmp_path, SHARDS[0])
    now = run_status(tmp_path)
    assert (now.phase, now.count("done")) == (RunPhase.UNPLANNED, 1)


# Alive or not.


@pytest.mark.parametrize("wrong", [-7200, -FRESH - 1, 60, 7200])
@pytest.mark.parametrize("beats", [True, False])
def test_another_machines_clock_may_be_wrong(folder, wrong, beats):
    path, name = folder / RUN_STATE, state_path(folder / f"logs/{SHARDS[0]}.log")
    both = [put(p, beat=time.time() + wrong, total=10) for p in (path, name)]

    def wait(seconds):
        assert seconds > BEAT
        if beats:
            for p, state in zip((path, name), both, strict=True):
                put(p, **(asdict(state) | {"beats": state.beats + 1}))

    now = run_status(folder, wait)
    assert now.phase is (RunPhase.RUNNING if beats else RunPhase.INTERRUPTED)
    assert now.jobs[0].phase is (Phase.RUNNING if beats else Phase.DIED)


def test_an_end_between_two_glances_is_seen(folder, monkeypatch):
    for name in SHARDS:
        finish(folder, name)
    put(folder / RUN_STATE, host=HERE[0], boot=HERE[1], pid=os.getpid())

    def ends(pid):
        put(folder / RUN_STATE, state="done")
        return False

    monkeypatch.setattr("cuewalk.watch.pulse.lives", ends)
    assert run_status(folder, no_wait).phase is RunPhase.FINISHED


def test_an_end_during_the_second_look_is_seen(folder):
    put(folder / RUN_STATE, beat=time.time() - 7200)
    for name in SHARDS:
        finish(folder, name)
    now = run_status(folder, lambda _: put(folder / RUN_STATE, state="done") and None)
    assert now.phase is RunPhase.FINISHED


def test_a_process_of_this_machine_that_is_gone_is_dead_at_once(tmp_path):
    code = "import sys, time; from pathlib import Path; from cuewalk.watch.pulse import Pulse\n"
    code += "Pulse(Path(sys.argv[1])); print(1, flush=True); time.sleep(60)"
    path = tmp_path / "x.state.json"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        state = read_state(path)
        assert (state.host, state.boot, state.pid) == (*HERE, process.pid)
        assert seems_alive(state, time.time()) is True
        # It began when the process did, not when its modules were loaded.
        assert state.started < state.beat
        process.send_signal(signal.SIGKILL)
    assert seems_alive(read_state(path), time.time()) is False


def test_a_number_that_another_process_has_now_is_no_life():
    now = time.time()
    mine = State(*HERE, os.getpid(), now - 9e4, now - 8e4, 9)
    assert seems_alive(mine, now) is None  # another look tells, and this process beats no such file
    assert seems_alive(replace(mine, boot="another start"), now) is None
    assert seems_alive(replace(mine, state="done", beat=now), now) is False


def test_a_pulse_beats_and_ends_once(tmp_path, monkeypatch):
    monkeypatch.setattr("cuewalk.watch.pulse.BEAT", 0.02)
    path = tmp_path / "deep" / "x.state.json"
    pulse = Pulse(path)
    pulse.tell(text="cues", done=3, total=9)
    seen = set()
    for _ in range(300):
        state = read_state(path)
        assert state is not None  # replaced whole, so there always is one
        seen.add(state.beats)
        time.sleep(0.001)
    assert len(seen) > 3
    pulse.end("failed", text="no")
    pulse.end("done")
    time.sleep(0.1)
    state = read_state(path)
    assert (state.state, state.text, state.done) == ("failed", "no", 3)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_disk_that_cannot_be_written_to_costs_no_work(tmp_path):
    (tmp_path / "file").write_text("")
    pulse = Pulse(tmp_path / "file" / "x.state.json")
    pulse.end("done")


# What is read may be anything.


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"host": 1}', "[" * 100_000, "\x00"])
def test_a_state_that_is_none_is_none(folder, text):
    state_path(folder / f"logs/{SHARDS[0]}.log").parent.mkdir(parents=True)
    state_path(folder / f"logs/{SHARDS[0]}.log").write_text(text)
    assert run_status(folder, no_wait).count("left") == 4


@pytest.mark.parametrize("key", ["beat", "pid", "text", "done", "reused"])
def test_a_state_of_other_types_is_none(tmp_path, key):
    state = asdict(put(tmp_path / "x"))
    (tmp_path / "x").write_text(json.dumps(state | {key: ["a"]}))
    assert read_state(tmp_path / "x") is None


def test_texts_do_nothing_to_a_terminal(folder):
    text = "\x1b[2Jcleared\r\x07[red]x[/red]"
    put(state_path(folder / f"logs/{SHARDS[0]}.log"), state="failed", text=text)
    said = CliRunner().invoke(main, ["status", str(folder)]).output
    assert "\x1b" not in said
    assert "[red]x[/red]" in said
    assert printable("a é—\t\x9b") == "a é—  "


@pytest.mark.parametrize("log", ["../../x.log", "/etc/x.log", "logs/\x1b.log", 3])
def test_a_plan_that_leads_out_is_refused(folder, log):
    content = json.loads((folder / PLAN).read_text())
    content["jobs"][0]["log"] = log
    (folder / PLAN).write_text(json.dumps(content))
    with pytest.raises(InputError, match="not a plan that cuewalk wrote"):
        run_status(folder)
    said = CliRunner().invoke(main, ["status", str(folder)])
    assert said.exit_code == 2
    assert said.output.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"jobs": [{}], "stages": []}'])
def test_what_is_no_plan_is_refused(folder, text):
    (folder / PLAN).write_text(text)
    with pytest.raises(InputError, match="not a plan"):
        run_status(folder)


def test_json_tells_all_runs(tmp_path):
    for name in ("a", "b"):
        plan_of(tmp_path / name, *map(planned, SHARDS))
        put(tmp_path / name / RUN_STATE)
    said = CliRunner().invoke(main, ["status", str(tmp_path), "--json"])
    assert [run["phase"] for run in json.loads(said.output)] == ["running", "running"]


def test_durations():
    said = [duration(seconds) for seconds in (0.2, 59.4, 59.6, 3599, 7500)]
    assert said == ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "2 h 5 min"]
