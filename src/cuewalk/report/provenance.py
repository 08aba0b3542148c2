"""How a run came about, from its receipts: what each stage took, and what it was made from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import networkx as nx
import pandas as pd

Receipt = Mapping[str, Any]


def stage_rows(receipts: Sequence[Receipt]) -> list[dict[str, Any]]:
    """What each stage took, in the order in which stages ended.

    Returns:
        Rows of stage, jobs, images, seconds (jobs summed), images_per_second, peak_memory_mb (of
        the largest job), reused (jobs taken over from another run).
    """
    if not receipts:
        return []
    table = pd.DataFrame(list(receipts)).sort_values("finished")
    return [
        {
            "stage": str(stage),
            "jobs": len(jobs),
            "images": int(jobs["images"].sum()),
            "seconds": float(jobs["seconds"].sum()),
            "images_per_second": _rate(jobs["images"].sum(), jobs["seconds"].sum()),
            "peak_memory_mb": float(jobs["peak_memory_mb"].max()),
            "reused": int(jobs["reused_from"].notna().sum()) if "reused_from" in jobs else 0,
        }
        for stage, jobs in table.groupby("stage", sort=False)
    ]


def _rate(images: float, seconds: float) -> float:
    """Images per second; nan where either is too small to tell."""
    return float(images / seconds) if images and seconds >= 0.01 else math.nan


def stage_graph(receipts: Sequence[Receipt]) -> nx.DiGraph:
    """Which stage reads what other stages made, without the edges that follow from others."""
    graph = nx.DiGraph()
    for receipt in receipts:
        graph.add_node(receipt["stage"])
        for entry in (entry for entries in receipt["inputs"].values() for entry in entries):
            if entry["stage"] not in (None, receipt["stage"]):
                graph.add_edge(entry["stage"], receipt["stage"])
    return nx.transitive_reduction(graph)


def places(graph: nx.DiGraph) -> Iterator[tuple[str, tuple[float, int]]]:
    """(stage, (x in [0, 1], layer)): beneath what it reads, near the middle of that."""
    placed: dict[str, float] = {}
    for layer, stages in enumerate(nx.topological_generations(graph)):

        def middle(stage: str) -> float:
            above = [placed[before] for before in graph.predecessors(stage)]
            return sum(above) / len(above) if above else 0.5

        ordered = sorted(stages, key=lambda stage: (middle(stage), stage))
        for index, stage in enumerate(ordered):
            placed[stage] = (index + 0.5) / len(ordered)
            yield stage, (placed[stage], layer)


def made_with(receipts: Sequence[Receipt]) -> dict[str, list[str]]:
    """Commit, Python, machines, devices and versions of libraries; several where jobs differ."""
    found: dict[str, set[str]] = {}
    for receipt in receipts:
        for name in ("commit", "python", "host", "device"):
            found.setdefault(name, set()).add(str(receipt[name]))
        for library, version in receipt["libraries"].items():
            found.setdefault(library, set()).add(version)
    return {name: sorted(values) for name, values in found.items()}


def settings(receipts: Sequence[Receipt]) -> dict[str, Any]:
    """The sections of the config that shaped the run, as its jobs were given them."""
    found: dict[str, Any] = {}
    for receipt in receipts:
        for name, value in receipt["cfg"].items():
            if isinstance(value, Mapping):
                found[name] = {**found.get(name, {}), **value}
            elif name == "seed":
                found["seed"] = {"seed": value}
    return {name: found[name] for name in sorted(found)}
