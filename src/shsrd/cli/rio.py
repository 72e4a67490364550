"""``rio shsrd SRC DST``: ``shsrd upscale`` among rasterio's commands.

``rio`` imports every plugin before it does anything, so nothing heavy is imported here. It also brings click: without
rasterio nothing imports this module.
"""

from __future__ import annotations

import logging

import click

from shsrd.cli.main import main


class PassThroughCommand(click.Command):
    """A command that leaves its whole line, ``--help`` and ``--`` included, to another parser."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the line as it was given."""
        ctx.args = list(args)
        return []


@click.command("shsrd", cls=PassThroughCommand, add_help_option=False)
@click.pass_context
def upscale(ctx: click.Context) -> None:
    """Super-resolve a hyperspectral scene."""
    _apply_rio_log_level()
    ctx.exit(main(["upscale", *ctx.args]))


def _apply_rio_log_level() -> None:
    """``rio`` sets a level for the root logger alone; records of loggers with a level of their own would all pass."""
    root = logging.getLogger()
    for handler in root.handlers:
        handler.setLevel(max(handler.level, root.level))
