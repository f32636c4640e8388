"""Groups whose commands are imported when they are used, so that `run` stays small and `--help` quick."""

from collections.abc import Mapping
from importlib import import_module

import click

# name -> (module, the click command in it, what `--help` says)
Commands = Mapping[str, tuple[str, str, str]]


def lazy_group(commands: Commands) -> type[click.Group]:
    """The class of a group of these commands, for `click.group(cls=…)`."""

    class LazyGroup(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
            return sorted(commands)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
            if cmd_name not in commands:
                return None
            module, attribute, _ = commands[cmd_name]
            command = getattr(import_module(module), attribute)
            if not isinstance(command, click.Command):
                raise TypeError(f"{module}.{attribute} is not a command")
            return command

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
            with formatter.section("Commands"):
                formatter.write_dl([(name, commands[name][2]) for name in sorted(commands)])

    return LazyGroup
