"""A process that has computed with several threads, and a copy of it that computes too."""

import os
import subprocess
import sys

import pytest

_CHILD = """
import os, sys
import numpy as np, torch
from shsrd.cube import Cube
from shsrd.model import Model, Network, NetworkConfig
from shsrd.upscaling import UpscaleOptions, upscale

torch.set_num_threads(2)
config = NetworkConfig(scale=2, width=16, blocks=2, denoiser_width=16, denoiser_blocks=1, guide_width=8, frame="bands")
model = Model("random", Network(config), {}, "0" * 16)
cube = Cube(np.random.default_rng(0).random((3, 64, 64)).astype(np.float32), wavelength_nm=np.array([450.0, 550, 650]))
options = UpscaleOptions(device="cpu", precision="fp32", self_check=False)
want = upscale(cube, 2, options=options, model=model).cube.pixels
child = os.fork()
if child == 0:
    got = upscale(cube, 2, options=options, model=model).cube.pixels
    os._exit(0 if np.allclose(got, want, atol=1e-5) else 3)
assert torch.get_num_threads() == 2  # the parent keeps its threads
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_after_use_computes(tmp_path):
    """It hung in the first layer: OpenMP's threads are not copied, its pool is."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    assert run.returncode == 0, run.stderr
