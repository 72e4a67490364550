"""Between reading and writing, pixels stay on the network's device."""

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from shsrd.cube import MemorySource
from shsrd.upscaling import UpscaleOptions
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.plan import make_plan
from shsrd.upscaling.reconstruction import read_tile, upscale_tile

DEVICE = torch.device("xpu")


class OnDevice(torch.Tensor):
    """A tensor of the fake device; what is computed from it is there too."""


class FakeDevice(TorchFunctionMode):
    """A device in name only: counts transfers of images to it and back, refuses arrays without a transfer."""

    def __init__(self):
        self.up, self.down = [], []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        on_device = bool(args) and isinstance(args[0], OnDevice)
        if func == torch.Tensor.device.__get__ and on_device:
            return DEVICE
        if func is torch.Tensor.numpy and on_device:
            raise AssertionError("an array of a tensor that is on the device")
        if func is torch.Tensor.cpu and on_device:
            self.down.append(args[0].shape)
            return args[0].as_subclass(torch.Tensor)
        if func is torch.Tensor.to and DEVICE in args[1:]:
            if args[0].ndim == 3 and not on_device and min(args[0].shape[1:]) > 1:
                self.up.append(args[0].shape)
            return args[0].as_subclass(OnDevice)
        if kwargs.get("device") == DEVICE:
            return func(*args, **{**kwargs, "device": "cpu"}).as_subclass(OnDevice)
        return func(*args, **kwargs)


@pytest.mark.filterwarnings("ignore")  # no such device
@pytest.mark.parametrize("bands", [5, 14, 40])
@pytest.mark.parametrize("asked", [{}, {"uncertainty": True}, {"basis": "pca"}, {"steps": 2, "samples": 2}], ids=str)
def test_images_go_to_the_device_once_and_come_back_once(make_scene, make_model, bands, asked):
    source = MemorySource(make_scene(bands=bands))
    options = UpscaleOptions(device="cpu", precision="fp32", self_check=False, **asked)
    engine = Engine(make_model().network, precision="fp32")
    plan = make_plan(source, engine, options)
    (tile,) = plan.tiles()
    expected = upscale_tile(read_tile(source, plan, tile), engine, plan)
    engine.device = DEVICE
    with FakeDevice() as device:
        found = upscale_tile(read_tile(source, plan, tile), engine, plan)
    assert len(device.up) == 2  # the block with its mirrored border, and the measurement with its holes
    assert len(device.down) == 1 + options.uncertainty
    np.testing.assert_allclose(found.estimate, expected.estimate, atol=1e-4)
