"""``shsrd COMMAND …``: finds the command, imports it alone, and turns errors a person can cause into one sentence."""

from __future__ import annotations

import sys
from importlib import import_module

from shsrd.cli.renamed import COMMANDS as RENAMED

COMMANDS = {
    "info": "what a scene file holds",
    "upscale": "super-resolve a scene",
    "upscale-all": "super-resolve many scenes",
    "degrade": "make a low-resolution scene as a coarser sensor would see it",
    "evaluate": "compare an estimate with the truth, bicubic beside it",
    "benchmark": "run a published protocol on your copy of its data",
    "models": "list the weights that come with shsrd",
    "demo": "super-resolve a synthetic scene and show the result",
    "prepare-data": "decode photos or scenes once, for training",
    "pretrain": "stage 1: train on photos",
    "transfer": "stage 2: move to hyperspectral scenes",
    "queue": "run a list of trainings under a time limit, and go on later",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input, 130 interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _dispatch(given)
    except KeyboardInterrupt:
        _say("shsrd: interrupted; nothing was left half-written", sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing more to say
        return 141
    except (ValueError, OSError, MemoryError, RuntimeError, ImportError) as error:
        return _report_error(error)


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in {"-h", "--help"}:
        _say(_help(), sys.stdout)
        return 0
    if given[0] in {"-V", "--version"}:
        from shsrd import __version__

        _say(f"shsrd {__version__}", sys.stdout)
        return 0
    command = RENAMED.get(given[0], given[0])
    if command not in COMMANDS:
        _say(f"shsrd: no command {command!r}; choose one of {', '.join(COMMANDS)}", sys.stderr)
        return 2
    return int(import_module(f"shsrd.cli.{command.replace('-', '_')}").run(given[1:]))


def _report_error(error: Exception) -> int:
    """One sentence for errors of input; our own bugs keep their traceback."""
    from shsrd.cli.errors import expected, sentence

    if expected(error):
        _say(f"shsrd: {sentence(error)}", sys.stderr)
        return 2
    raise error


def _help() -> str:
    lines = [f"  {name:<12} {purpose}" for name, purpose in COMMANDS.items()]
    return (
        "usage: shsrd COMMAND [OPTIONS]\n\n"
        "Super-resolution of a single hyperspectral image.\n\n"
        + "\n".join(lines)
        + "\n\n`shsrd COMMAND --help` tells more; `shsrd --version` tells the version."
    )


def _say(text: str, stream: object) -> None:
    print(text, file=stream, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(main())
