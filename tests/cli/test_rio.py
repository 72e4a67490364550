"""``rio shsrd`` is ``shsrd upscale``: found by rio, same line, same bytes, same exit codes."""

import io
import logging
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import shsrd.cli.upscale
from shsrd.cli.rio import upscale

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
GROUP = "rasterio.rio_plugins"


@pytest.fixture
def rio(tmp_path):
    """Run ``rio`` in a process that sees the metadata which an installation of pyproject.toml would leave.

    It stands before any installed one, so that nothing depends on when that was made.
    """
    metadata = tmp_path / "installed" / f"shsrd-{PROJECT['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: shsrd\nVersion: {PROJECT['version']}\n")
    points = "".join(f"{name} = {value}\n" for name, value in PROJECT["entry-points"][GROUP].items())
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    paths = [str(metadata.parent), str(Path(shsrd.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}

    def run(*arguments, then=""):
        start = "import sys\nfrom rasterio.rio.main import main_group\n"
        line = [str(argument) for argument in arguments]
        code = f"{start}try: main_group({line!r}, prog_name='rio')\nfinally: sys.stdout.flush(){then}"
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=surroundings
        )

    return run


def test_rio_lists_it_without_torch(rio):
    done = rio("--help", then="; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr
    listed = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["shsrd", upscale.get_short_help_str()] in listed  # a plugin that cannot be imported has another text


def test_same_bytes_as_shsrd_upscale(rio, shsrd, source, tiny, tmp_path):
    options = ["--model", tiny, "--basis", "bands", "--steps", 2, "--seed", 5]
    names = ("rio.tif", "rio_sigma.tif"), ("own.tif", "own_sigma.tif")
    (high, sigma), (own, own_sigma) = (tuple(tmp_path / name for name in pair) for pair in names)
    done = rio("shsrd", source, high, *options, "--samples", 2, "--uncertainty", sigma)
    assert done.returncode == 0, done.stderr
    assert shsrd("upscale", source, own, *options, "--samples", 2, "--uncertainty", own_sigma).code == 0
    assert high.read_bytes() == own.read_bytes()
    assert sigma.read_bytes() == own_sigma.read_bytes()
    assert high.read_bytes() != sigma.read_bytes()


def test_bad_input_is_one_sentence_and_code_two(rio, tmp_path):
    (tmp_path / "cut.tif").write_bytes(b"II*\x00 no more than the beginning")
    done = rio("shsrd", tmp_path / "cut.tif", tmp_path / "high.tif")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("shsrd: ") and "cut.tif" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "high.tif").exists()


@pytest.mark.parametrize(
    "line",
    [["a.tif", "b.tif", "--scale=4", "-q"], ["--cog", "--", "-a.tif", "b c.tif"], ["-h", "--version"], []],
    ids=str,
)
@pytest.mark.parametrize("code", [0, 2])
def test_the_line_and_the_exit_code_pass_unchanged(monkeypatch, line, code):
    given = []
    monkeypatch.setattr(shsrd.cli.upscale, "run", lambda line: given.append(list(line)) or code)
    assert CliRunner().invoke(upscale, line).exit_code == code
    assert given == [line]


@pytest.mark.parametrize("line", [["--help"], ["a.tif", "b.tif", "--no-such-option"], ["a.tif"]], ids=str)
def test_help_and_usage_are_those_of_upscale(shsrd, capsys, line):
    own = shsrd("upscale", *line)
    with pytest.raises(SystemExit) as left:
        upscale.main(line, prog_name="rio shsrd")
    assert (left.value.code, *capsys.readouterr()) == (own.code, own.out, own.err)
    assert "shsrd upscale" in own.out + own.err


def test_interrupted(monkeypatch):
    def interrupted(line):
        raise KeyboardInterrupt

    monkeypatch.setattr(shsrd.cli.upscale, "run", interrupted)
    done = CliRunner().invoke(upscale, ["a.tif", "b.tif"])
    assert done.exit_code == 130
    assert "interrupted" in done.stderr


def test_libraries_say_no_more_than_rio_lets_them(monkeypatch):
    chatty, heard = logging.getLogger("test_rio.chatty"), io.StringIO()
    chatty.setLevel(logging.INFO)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(heard)])  # as rio's basicConfig does
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)

    def run(line):
        chatty.info("started")
        chatty.warning("failed")
        return 0

    monkeypatch.setattr(shsrd.cli.upscale, "run", run)
    assert CliRunner().invoke(upscale, []).exit_code == 0
    assert heard.getvalue().split() == ["failed"]
