"""Names of earlier versions do what the new ones do, and the help does not show them."""

import pytest

from shsrd.cli import renamed
from shsrd.cli.main import COMMANDS, main


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a.hdr", "--frame", "eigen", "--cell", "64"], ["a.hdr", "--basis", "pca", "--block", "64"]),
        (["--frame=eigen", "--cell=64"], ["--basis=pca", "--block=64"]),
        (["--frame", "bands", "--photon", "0.5"], ["--basis", "bands", "--shot-noise", "0.5"]),
        (["--uncorrected", "--estimated"], ["--assume-bicubic", "--estimate-fwhm"]),
        (["eigen", "--model", "eigen", "--frames"], ["eigen", "--model", "eigen", "--frames"]),
    ],
)
def test_arguments(old, new):
    assert renamed.current_names(old) == new
    assert renamed.current_names(new) == new


def test_commands(capsys, shsrd):
    assert set(renamed.COMMANDS.values()) <= COMMANDS.keys()
    for old, new in renamed.COMMANDS.items():
        helps = [shsrd(name, "--help").out for name in (old, new)]
        assert helps[0] == helps[1] != ""
    assert main([]) == 0
    assert not renamed.COMMANDS.keys() & set(capsys.readouterr().out.split())


def test_help_shows_new_names_alone(shsrd):
    commands = (["upscale"], ["degrade"], ["benchmark", "scenes"], ["transfer"])
    text = "".join(shsrd(*command, "--help").out for command in commands)
    assert not [old for old in renamed.OPTIONS if old + " " in text]
    assert not [new for new in renamed.OPTIONS.values() if new + " " not in text]
