"""Importing stays light: no torch for help, no file libraries for training, every room on its own."""

import re
import resource
import subprocess
import sys
import time
from importlib.metadata import requires

import numpy as np
import pytest

LONGEST_HELP_S = 1.0  # of processor time, so that a busy machine does not count


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_package_alone_brings_no_torch():
    done = python("import sys, shsrd; assert shsrd.__version__; print('torch' in sys.modules, 'numpy' in sys.modules)")
    assert done.stdout.split() == ["False", "False"], done.stderr


@pytest.mark.parametrize("arguments", ["['--help']", "[]", "['--version']"])
def test_help_brings_no_torch_and_is_quick(arguments):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = python(f"import sys; from shsrd.cli.main import main; main({arguments}); sys.exit('torch' in sys.modules)")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "shsrd" in done.stdout
    assert done.stderr == ""
    print(f"help: {time.perf_counter() - start:.2f} s on the clock")
    assert after.ru_utime - before.ru_utime < LONGEST_HELP_S


@pytest.mark.parametrize("command", ["upscale", "upscale-all"])
def test_help_of_a_command_brings_no_torch(command):
    code = (
        "import sys\nfrom shsrd.cli.main import main\n"
        f"try: main(['{command}', '--help'])\n"
        "except SystemExit as left: assert not left.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert "--uncertainty" in done.stdout


@pytest.fixture
def scene(tmp_path):
    from shsrd.cube import Cube
    from shsrd.io import save_cube

    pixels = np.random.default_rng(0).random((4, 9, 8), np.float32)
    save_cube(Cube(pixels, wavelength_nm=np.linspace(450, 650, 4)), tmp_path / "scene.hdr")
    return tmp_path / "scene.hdr"


def modules_of(*arguments):
    """Names of the packages (and of torch's parts) that a command has imported when it is done."""
    code = (
        "import sys\nfrom shsrd.cli.main import main\n"
        f"assert main({[str(argument) for argument in arguments]}) == 0\n"
        "print('modules:', *sys.modules)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("modules:", 1)[1].split())


def test_upscaling_envi_to_geotiff_imports_what_it_needs(scene, tmp_path):
    """Half of the processor time of a small scene used to be imports: sympy and torch's compiler above all."""
    found = modules_of("upscale", scene, tmp_path / "fine.tif", "--model", "cave-x4-fast", "--channels", 3)
    others = {"sympy", "scipy", "h5py", "netCDF4", "xarray", "pandas", "zarr", "dask", "matplotlib", "pyproj", "PIL"}
    parts = {"torch._dynamo", "torch._inductor", "torch.fx.experimental.symbolic_shapes", "torch.distributed.fsdp"}
    assert not found & (others | parts)
    assert not {name for name in found if name.startswith("shsrd.") and name.split(".")[1] in {"training", "report"}}
    assert len(found) < 1700  # 1490 with PyTorch 2.13, of which 770 are its own


def test_info_brings_no_torch(scene):
    assert not modules_of("info", scene) & {"torch", "scipy", "h5py", "xarray", "zarr", "matplotlib", "pydantic"}


def test_training_needs_no_file_libraries():
    missing = ("rasterio", "scipy", "affine", "skimage", "h5py", "spectral", "matplotlib", "tyro")
    done = python(f"import sys\nfor name in {missing}: sys.modules[name] = None\nimport shsrd.training")
    assert done.returncode == 0, done.stderr


def test_mat73_is_no_dependency():
    """It is GPL-3; MATLAB 7.3 is read by h5py."""
    needed = {re.split(r"[^\w-]", line)[0].lower() for line in requires("shsrd")}
    assert "h5py" in needed
    assert "mat73" not in needed


def test_every_public_name_can_be_had():
    import shsrd

    assert all(getattr(shsrd, name) is not None for name in shsrd.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = shsrd.no_such_name
