"""A fixed share of the hostile files; all of them: ``python benchmarks/fuzz.py``."""

import sys

import pytest
from hostile.campaign import run
from hostile.seeds import REAL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and watches are those of Linux")


def test_a_share_of_all_formats():
    report = run(270, real=False)
    assert report.failures == []
    assert report.total == 270
    assert all(counts["refused"] for counts in report.outcomes.values())  # the damage does damage
    assert sum(counts["opened"] for counts in report.outcomes.values()) > 30


def test_single_cases_by_name():
    report = run(9, only=["prisma:346", "prisma-1:423"], real=False)
    assert report.failures == []
    assert report.total == 2


@pytest.mark.data
def test_a_share_of_real_scenes(shared_data):
    report = run(40, only=list(REAL))
    assert report.failures == []
    assert report.outcomes.keys() == REAL.keys()


def test_a_case_is_the_same_by_its_name(tmp_path):
    from hostile.cases import prepare
    from hostile.seeds import write_seeds
    from hostile.target import lay_bait

    for name in ("bait", "seeds"):
        (tmp_path / name).mkdir()
    lay_bait(tmp_path / "bait")
    seeds = {seed.name: seed for seed in write_seeds(tmp_path / "seeds", real=False)}
    for name in ("enmap:7", "zarr3:5", "weights:3", "netcdf3:2"):
        seed, contents = seeds[name.partition(":")[0]], []
        for again in "ab":
            folder = tmp_path / again / name.replace(":", "-")
            target, told = prepare(name, seed, tmp_path / "seeds", folder, tmp_path / "bait")
            contents.append((told, [path.read_bytes() for path in target.files()]))
        assert contents[0] == contents[1]
