"""Times, graph and versions of a run from its receipts."""

import math

import pytest

from cuewalk.artifacts.ancestry import ancestors
from cuewalk.artifacts.receipts import FORMAT, describe_inputs, describe_outputs, write_receipt
from cuewalk.report.plots import graph_plot
from cuewalk.report.provenance import made_with, settings, stage_graph, stage_rows


def receipt(stage, reads=(), finished="1", **changes):
    return {
        "stage": stage, "finished": finished, "seconds": 2.0, "images": 10, "peak_memory_mb": 100,
        "commit": "abc", "python": "3.11", "host": "one", "device": "cpu", "cfg": {},
        "libraries": {"numpy": "2"}, "reused_from": None,
        "inputs": {"all": [{"stage": other} for other in reads]}, **changes,
    }  # fmt: skip


RECEIPTS = [
    receipt("cues", ["dataset", None], "2"),
    receipt("walk", ["cues", "dataset", "cues"], "4", images=0, seconds=0.0),
    receipt("cues", ["dataset"], "3", seconds=3.0, peak_memory_mb=300, host="two"),
    receipt("dataset", [], "1", reused_from="elsewhere"),
]


def test_jobs_of_a_stage_add_up_in_the_order_of_time():
    rows = stage_rows(RECEIPTS)
    assert [row["stage"] for row in rows] == ["dataset", "cues", "walk"]
    cues = rows[1]
    assert (cues["jobs"], cues["images"], cues["seconds"]) == (2, 20, 5.0)
    assert (cues["images_per_second"], cues["peak_memory_mb"]) == (4.0, 300)
    assert math.isnan(rows[2]["images_per_second"])
    assert [row["reused"] for row in rows] == [1, 0, 0]
    assert stage_rows([]) == []


def test_an_edge_that_follows_from_others_is_left_out():
    assert set(stage_graph(RECEIPTS).edges) == {("dataset", "cues"), ("cues", "walk")}


def test_the_graph_goes_down():
    graph = stage_graph(RECEIPTS)
    spec = graph_plot(graph, {"cues": 5.0})
    nodes = {
        row["stage"]: row for data in spec["datasets"].values() for row in data if "stage" in row
    }
    assert [nodes[s]["y"] for s in ("dataset", "cues", "walk")] == [0, 1, 2]
    assert [nodes[s]["seconds"] for s in ("dataset", "cues")] == [0.0, 5.0]


def test_what_differs_between_jobs_is_told():
    found = made_with(RECEIPTS)
    assert found["host"] == ["one", "two"] and found["numpy"] == ["2"]


def test_settings_are_gathered_by_section():
    some = [receipt("a", cfg={"walk": {"beta": 4}, "seed": 7, "method": "lrp"}),
            receipt("b", cfg={"walk": {"steps": 8}, "crf": {"scale": 1}})]  # fmt: skip
    assert settings(some) == {
        "crf": {"scale": 1}, "seed": {"seed": 7}, "walk": {"beta": 4, "steps": 8}
    }  # fmt: skip


@pytest.fixture
def chain(tmp_path):
    """Three artefacts, each made from the one before; the middle one in a folder of its own."""
    before = {}
    for index, name in enumerate(("a.csv", "b/b.csv", "c.csv")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        own = path.with_suffix(".json")
        content = receipt(path.stem, finished=str(index)) | {"format": FORMAT, "shard": ""}
        content |= {"inputs": describe_inputs(own, before), "product": "p"}
        content |= {"outputs": describe_outputs(own, {"it": path})}
        write_receipt(own, content)
        before = {"it": [path]}
    return tmp_path


def test_ancestors_are_all_that_led_to_an_artefact(chain):
    stages = lambda *paths: [r["stage"] for r in ancestors(chain / p for p in paths)]  # noqa: E731
    assert stages("c.csv") == ["a", "b", "c"]
    assert stages("b/b.csv", "a.csv") == ["a", "b"]


def test_a_damaged_receipt_tells_nothing(chain):
    (chain / "b" / "b.json").write_text("{}")
    assert [r["stage"] for r in ancestors([chain / "c.csv"])] == ["c"]
    assert ancestors([chain / "nowhere.csv"]) == []
