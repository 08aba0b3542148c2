"""Every benchmark still runs, at a reduced size, and what they share does what it says."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
# The scripts import one another by their bare names, as they do when run.
sys.path.insert(0, str(FOLDER))
paired = importlib.import_module("paired")
every = importlib.import_module("all")
whole = importlib.import_module("whole")

# These plan a whole workflow and start processes: `make bench` runs them.
LONG = {"plan", "startup"}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """One thread while a benchmark runs, whatever it leaves behind."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def benchmark(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", every.NAMES)
def test_every_benchmark_has_the_interface_of_all(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text()
    assert "def rows(quick: bool = False) -> list[Row]:" in text
    assert text.endswith('if __name__ == "__main__":\n    main(rows, __doc__)\n')


@pytest.mark.parametrize("name", sorted(set(every.NAMES) - LONG))
def test_it_runs_at_a_reduced_size(name: str) -> None:
    found = benchmark(name).rows(quick=True)
    assert found
    for row in found:
        assert row.claim
        assert row.detail
        assert name == "whole" or row.ratio is not None
        assert (row.holds is None) == (row.must == "" or row.ratio is None)


def test_ratios_are_costs_or_gains() -> None:
    now = [0.0]

    def work(seconds: float) -> None:
        now[0] += seconds

    parts = [
        paired.Part("cost", partial(work, 4.0), paired.at_most(3, 1)),
        paired.Part("per unit", partial(work, 4.0), units=4),
        paired.Part("gain", partial(work, 1.0), paired.at_least(5)),
    ]
    cost, unit, gain = paired.compare(partial(work, 2.0), parts, 3, clock=lambda: now[0])
    assert cost == paired.Row("cost", 2, "at most 3", "at most 1", True, "4 s; 3 rounds, 2 to 2")
    assert unit == paired.Row("per unit", 0.5, "", "", None, "1 s; 3 rounds, 0.5 to 0.5")
    assert gain == paired.Row("gain", 2, "at least 5", "", False, "1 s; 3 rounds, 2 to 2")


def test_a_machine_that_slows_down_slows_both() -> None:
    now, pace = [0.0], [1.0]

    def work(seconds: float) -> None:
        now[0] += seconds * pace[0]
        pace[0] += 0.1

    part = paired.Part("same", partial(work, 1.0))
    (row,) = paired.compare(partial(work, 1.0), [part], 5, clock=lambda: now[0])
    assert row.ratio == pytest.approx(1)


def test_peak_memory_is_what_the_work_took_and_gave_back() -> None:
    # In a process of its own: another test may have left this one memory to spare.
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import paired\n"
        "prepare = lambda megabytes: lambda: bytearray(megabytes * 10**6).count(1)\n"
        "print(paired.peak_growth(prepare, 200, apart=False))"
    )
    found = float(subprocess.check_output([sys.executable, "-c", code]))
    assert found == pytest.approx(200, rel=0.1)


def test_rows_come_back_from_their_file(tmp_path: Path) -> None:
    rows = [
        paired.at_least(6, 10).row("fast", 16.04, "a, b"),
        paired.at_most(1.1).row("small", 1.2, "x"),
        paired.at_most(2).skipped("whole", "no run"),
    ]
    paired.write_rows(tmp_path / "rows.csv", rows)
    assert (tmp_path / "rows.csv").read_text().splitlines() == [
        "claim,ratio,must,aim,holds,detail",
        'fast,16,at least 6,at least 10,yes,"a, b"',
        "small,1.2,at most 1.1,,no,x",
        "whole,,at most 2,,,no run",
    ]
    assert every.read_rows(tmp_path / "rows.csv") == rows


def test_the_page_gets_its_table_anew() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    row = paired.at_most(1.1).row("small", 1.2, "x")
    once = every.with_table(page, [row], "machine")
    assert "| small | 1.2 | at most 1.1 |  | **no** | x |" in once
    assert every.with_table(once, [row], "machine") == once
    outside = [text.split(every.BEGIN)[0] + text.split(every.END)[1] for text in (page, once)]
    assert outside[0] == outside[1]


def test_a_missed_must_is_no_failure_but_a_crash_is(tmp_path: Path) -> None:
    for name in ("all.py", "paired.py"):
        (tmp_path / name).write_text((FOLDER / name).read_text())
    start = "from paired import at_most, main\n\ndef rows(quick=False):\n    "
    end = '\n\nmain(rows, "")\n'
    (tmp_path / "missed.py").write_text(f'{start}return [at_most(1).row("slow", 2, "x")]{end}')
    (tmp_path / "broken.py").write_text(f"{start}raise ValueError{end}")
    command = [sys.executable, str(tmp_path / "all.py"), "--quick"]
    missed = subprocess.run([*command, "missed"], capture_output=True, text=True, check=False)
    assert (missed.returncode, "1 musts missed: slow" in missed.stdout) == (0, True)
    both = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (both.returncode, "crashed with status 1" in both.stdout) == (1, True)
    assert "1 musts missed: slow" in both.stdout


def test_a_run_of_idle_cores_costs_more_than_its_work() -> None:
    # Two threads for 10 s, then one job alone for 10 s with a second between them.
    done = [whole.Done(0, 10, 2), whole.Done(11, 21, 1)]
    ratio, detail = whole.ratio(done)
    assert ratio == pytest.approx(21 * 2 / 30)
    assert detail == "2 jobs, 21 s on 2 cores, work 30 core seconds"
    assert whole.longest_pause(done) == 1
    assert whole.longest_pause([whole.Done(0, 9, 1), whole.Done(1, 2, 1)]) == -8


def test_rates_of_a_whole_run_are_told() -> None:
    command = [sys.executable, str(FOLDER / "rates.py"), "--quick", "--batch", "2"]
    told = subprocess.check_output(command, text=True)
    for part in ("fine-tuning", "cues", "CRF", "AffinityNet", "walk", "perturbation"):
        assert part in told
