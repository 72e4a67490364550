"""Replacing results: the older one or the newer one, whole, whatever fails at whichever call, and after any kill."""

import json
import os
import shutil
import signal
from functools import partial

import pytest

from shsrd.cube import SceneError
from shsrd.io import atomic_write, write_json
from shsrd.io.atomic_write import recover, replacing, staged

CALLS = ("mkdir", "rename", "replace", "unlink", "rmdir", "open", "fsync")  # of the file system, in os
SETS = {  # names of a result, and what else lies there before
    "file": (["a.tif"], []),
    "file with companions": (["a.tif"], ["a.tif.aux.xml", "a.tif.ovr"]),
    "pair": (["a.img", "a.hdr"], ["a.img.aux.xml"]),
    "four": (["a.img", "a_loc.tif", "a.img.aux.xml", "a.hdr"], []),
    "store": (["a.zarr"], []),
    "store of the older kind": (["a.zarr"], ["no exchange"]),
}
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills itself in a copy of the process")


def put(path, text):
    if path.suffix == ".zarr":
        path.mkdir()
        path = path / ".zgroup"
    path.write_text(text)


def everything(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(params=SETS)
def result(request, tmp_path, monkeypatch):
    """A function that replaces older files, and what is there before and after."""
    names, beside = SETS[request.param]
    if "no exchange" in beside:
        monkeypatch.setattr(atomic_write, "_exchanged", lambda first, second: False)
    for name in [*names, *(name for name in beside if name != "no exchange")]:
        put(tmp_path / name, f"older {name}")
    (tmp_path / "b.tif").write_text("of somebody else")
    before = everything(tmp_path)

    def save():
        targets = [tmp_path / name for name in names]
        recover(*targets)
        with staged(*targets) as parts:
            for part in reversed(parts):
                put(part, f"newer {part.name}")

    after = {key: text.replace("older", "newer") for key, text in before.items() if not key.endswith((".xml", ".ovr"))}
    after |= {name: f"newer {name}" for name in names if not name.endswith(".zarr")}
    return save, before, after


class Fault:
    """Lets the n-th call of the file system fail, or what else it is told to do."""

    def __init__(self, monkeypatch, number, act, *, afterwards):
        self.number, self.act, self.afterwards, self.count = number, act, afterwards, 0
        for name in CALLS:
            monkeypatch.setattr(os, name, partial(self.call, getattr(os, name)))

    def call(self, real, *given, **more):
        self.count += 1
        if self.count != self.number:
            return real(*given, **more)
        if self.afterwards:
            real(*given, **more)
        return self.act()


def full():
    raise OSError(28, "No space left on device")


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("afterwards", [False, True])
@pytest.mark.parametrize("act", [full, interrupt])
def test_a_fault_at_every_call(act, afterwards, result, tmp_path):
    save, before, after = result
    number, seen = 0, []
    while not seen or seen[-1] != "none":
        number += 1
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(patch, number, act, afterwards=afterwards)
            try:
                save()
                seen.append("none" if fault.count < number else "passed over")
            except (SceneError, OSError, KeyboardInterrupt):
                seen.append("raised")
        found = {name: text for name, text in everything(tmp_path).items() if ".part/" not in name}
        assert found in (before, after), (number, fault.count)
        if found == after:  # begin again with the older one
            restart(tmp_path, before)
    assert seen.count("raised") >= 3


def restart(folder, files):
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def killed_at(number, work, *, afterwards):
    """Whether the work was killed at a call; in a copy of this process."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                Fault(patch, number, lambda: os.kill(os.getpid(), signal.SIGKILL), afterwards=afterwards)
                work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@forks
@pytest.mark.parametrize("afterwards", [False, True])
def test_killed_at_every_call_and_recovered_by_the_next_run(afterwards, result, tmp_path):
    save, before, after = result
    number = 1
    while killed_at(number, save, afterwards=afterwards):
        kept = [text for text in everything(tmp_path).values() if text.startswith("older")]
        whole = {name: text for name, text in everything(tmp_path).items() if ".part/" not in name} == after
        assert whole or len(kept) == len(before) - 1, number  # nothing is gone before the newer one is whole
        recover(*(tmp_path / name for name in after if "/" not in name), tmp_path / "a.zarr")
        assert everything(tmp_path) in (before, after), number
        restart(tmp_path, before)
        number += 1
    assert number > 4
    assert everything(tmp_path) == after


@forks
def test_killed_while_recovering(result, tmp_path):
    """The second kill comes at every call of the recovery from the first."""
    save, before, after = result
    targets = [tmp_path / name for name in after if "/" not in name] + [tmp_path / "a.zarr"]
    first = 1
    while killed_at(first, save, afterwards=True):
        second = 1
        while killed_at(second, lambda: recover(*targets), afterwards=True):
            recover(*targets)
            assert everything(tmp_path) in (before, after), (first, second)
            restart(tmp_path, before)
            assert killed_at(first, save, afterwards=True)
            second += 1
        restart(tmp_path, before)
        first += 5  # the same ones each time, and quicker
    assert first > 6


def test_a_run_at_work_keeps_its_folder(tmp_path):
    (tmp_path / "a.tif").write_text("older")
    with staged(tmp_path / "a.tif") as (part,):
        part.write_text("newer")
        recover(tmp_path / "a.tif")
        assert part.read_text() == "newer"
    assert everything(tmp_path) == {"a.tif": "newer"}


def test_folders_of_other_people_with_our_kind_of_name_stay(tmp_path):
    theirs = tmp_path / ".a.tif.abcd1234.part"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    (tmp_path / ".a.tif.abcd1235.part").symlink_to(theirs)
    with replacing(tmp_path / "a.tif") as (part,):
        part.write_text("newer")
    assert (theirs / "thesis.txt").read_text() == "years of work"


@forks
def test_what_a_person_put_there_after_the_kill_is_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_write, "_exchanged", lambda first, second: False)
    put(tmp_path / "a.zarr", "older")

    def save():
        with staged(tmp_path / "a.zarr") as (part,):
            put(part, "newer")

    number = 1
    while (tmp_path / "a.zarr").exists():
        restart(tmp_path, {"a.zarr/.zgroup": "older"})
        assert killed_at(number, save, afterwards=True)
        number += 1
    put(tmp_path / "a.zarr", "of a person")
    before = everything(tmp_path)
    with pytest.raises(SceneError, match=r"a\.zarr: an interrupted run has set an earlier a\.zarr aside, in .*older"):
        recover(tmp_path / "a.zarr")
    assert everything(tmp_path) == before


def test_what_appears_during_the_block_is_not_overwritten_unasked(tmp_path):
    with pytest.raises(SceneError, match="exists already"), staged(tmp_path / "a.tif", overwrite=False) as (part,):
        part.write_text("newer")
        (tmp_path / "a.tif").write_text("of a person")
    assert everything(tmp_path) == {"a.tif": "of a person"}


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "real.json").write_text("1")
    (tmp_path / "a.json").symlink_to("real.json")
    write_json([2], tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [2]
    assert (tmp_path / "real.json").read_text() == "1"


def test_a_link_that_leads_nowhere_is_a_file_too(tmp_path):
    (tmp_path / "a.tif").symlink_to("nowhere")
    with pytest.raises(SceneError, match="exists already"):
        atomic_write.check_not_existing([tmp_path / "a.tif"])


def test_names_as_long_as_the_system_allows(tmp_path):
    for name in ("é" * 120 + ".json", "x" * 250 + ".json", "[a]*?.json"):
        write_json([1], tmp_path / name)
        write_json([2], tmp_path / name)
    assert [json.loads(path.read_text()) for path in tmp_path.iterdir()] == [[2]] * 3
