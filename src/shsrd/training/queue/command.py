"""``shsrd queue`` and ``python -m shsrd.training queue``: one command line, with nothing but the standard library."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from shsrd.training.config import TrainingError
from shsrd.training.queue.carry import TransferFolder, carry
from shsrd.training.queue.home import QueueState
from shsrd.training.queue.runner import Places, run_queue
from shsrd.training.queue.settings import Queue, read_queue

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "": 1}


def main(given: Sequence[str], *, prog: str = "shsrd queue") -> int:
    """Run, show or pack a queue; the exit code is 0 unless the command line does not fit."""
    arguments = _parser(prog).parse_args(list(given))
    queue = read_queue(arguments.queue)
    return int(arguments.run_command(queue, arguments))


def on_message(text: str) -> None:
    """A sentence on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Trainings in order of worth, under a time limit.")
    commands = parser.add_subparsers(required=True, metavar="{run,status,pack}")
    run = commands.add_parser("run", help="train until the time is up; the same call again goes on")
    run.add_argument("--minutes", type=float, default=0.0, help="of this call; without it, until all is done")
    run.add_argument("--work", type=Path, default=Path("runs/queue"), help="packs and run folders (runs/queue)")
    run.add_argument("--out", type=Path, help="what has to travel back: 8 files of 16 MiB at most, home otherwise")
    run.set_defaults(run_command=_run)
    status = commands.add_parser("status", help="how far every training is")
    status.set_defaults(run_command=_status)
    pack = commands.add_parser("pack", help="make one folder to carry to a machine without a network")
    pack.add_argument("--limit", type=_bytes, default=64 * 2**20, help="of the folder (64MiB)")
    pack.add_argument("--without", type=Path, nargs="*", default=[], help="folders carried there before")
    pack.set_defaults(run_command=_pack)
    for command in (run, status, pack):
        command.add_argument("queue", type=Path, metavar="QUEUE.yaml")
    pack.add_argument("folder", type=Path, metavar="OUT", help="new folder")
    for command in (run, status, pack):
        command.add_argument("--home", type=Path, help="what earlier calls reached (home beside a carried queue)")
    for command in (run, pack):
        command.add_argument("--data", type=Path, help="folder of photos and scenes (data beside the queue file)")
    return parser


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([\d.]+)\s*([KMG]iB)?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give one such as 64MiB")
    return int(float(found[1]) * UNITS[found[2] or ""])


def _home(arguments: argparse.Namespace) -> Path:
    beside: Path = arguments.queue.parent / "home"
    given: Path | None = arguments.home
    return given or (beside if beside.is_dir() else Path("runs/queue/home"))


def _data(arguments: argparse.Namespace) -> Path:
    given: Path | None = arguments.data
    return given or arguments.queue.parent / "data"


def _run(queue: Queue, arguments: argparse.Namespace) -> int:
    if arguments.minutes < 0:
        raise TrainingError(f"--minutes {arguments.minutes:g} must be 0 or more")
    places = Places(arguments.work, _data(arguments), _home(arguments), arguments.out)
    reached = run_queue(queue, places, minutes=arguments.minutes, on_message=on_message)
    return _show(queue, reached)


def _status(queue: Queue, arguments: argparse.Namespace) -> int:
    return _show(queue, QueueState(_home(arguments)))


def _show(queue: Queue, reached: QueueState) -> int:
    """One line a training on stdout."""
    width = max(len(training.name) for training in queue.trainings)
    for training in queue.trainings:
        status = reached.statuses.get(training.name)
        if status is None:
            words = "to do" + (f", after {', '.join(needs)}" if (needs := queue.needs(training)) else "")
        else:
            gain = "" if status.gain_db is None else f", {status.gain_db:+.3f} dB"
            reason = f": {status.message}" if status.message else ""
            words = f"{status.state}, {status.step} steps, {status.minutes:.1f} min{gain}{reason}"
        sys.stdout.write(f"{training.name:<{width}}  {words}\n")
    return 0


def _pack(queue: Queue, arguments: argparse.Namespace) -> int:
    folder = TransferFolder(arguments.folder, arguments.limit)
    carry(queue, folder, root=_data(arguments), home=_home(arguments), without=arguments.without, on_message=on_message)
    return 0
