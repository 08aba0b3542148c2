"""What a folder of photographs holds, as tables to print."""

import statistics

from rich.markup import escape
from rich.table import Table

from cuewalk.start.check import Findings


def folder_table(found: Findings) -> Table:
    """Photographs, their formats and sizes, and how many things are wrong."""
    table = Table(title=escape(str(found.root)), title_justify="left", show_header=False)
    labelled, unlabelled = found.folder.photographs, found.folder.unlabelled
    table.add_row("photographs with a label", str(len(labelled)))
    table.add_row("photographs without", str(len(unlabelled)))
    formats = sorted(found.suffixes().items())
    table.add_row("formats", ", ".join(f"{count} {suffix}" for suffix, count in formats))
    table.add_row("other files", str(sum(found.folder.others.values())))
    for name, sides in (
        ("width", [record.width for record in found.records]),
        ("height", [record.height for record in found.records]),
    ):
        if sides:
            middle = round(statistics.median(sides))
            table.add_row(f"{name}, pixels", f"{min(sides)} to {max(sides)}, median {middle}")
    lists = found.folder.lists()
    table.add_row("lists", ", ".join(f"{name} ({len(ids)})" for name, ids in lists.items()))
    table.add_row("masks of ground truth", str(found.masks))
    table.add_row("things to mend", str(len(found.problems)))
    return table


def class_table(found: Findings) -> Table:
    """How many photographs show each class, and its label id in the masks."""
    table = Table(title="Classes", title_justify="left")
    table.add_column("class")
    for name in ("label id", "photographs"):
        table.add_column(name, justify="right")
    for id, (name, count) in enumerate(found.photographs_of().items(), 1):
        table.add_row(escape(name), str(id), str(count))
    return table
