"""The page of the console command, from what it says of itself."""

from collections.abc import Iterator

import click


def render(command: click.Command, name: str) -> str:
    """Help of a command and of all commands below it, as Markdown.

    Args:
        command: of click.
        name: that it is called by.
    """
    return "\n".join(_parts(command, name, None, 2))


def _parts(
    command: click.Command, name: str, parent: click.Context | None, level: int
) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=88)
    context.help_option_names = ["-h", "--help"]
    path = context.command_path
    yield f"\n{'#' * level} {path} {{ #{path.replace(' ', '-')} }}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from _parts(found, below, context, level + 1)
