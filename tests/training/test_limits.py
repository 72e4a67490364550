"""Limits are the largest features that the encoder's convolutions meet."""

import pytest
import torch

from shsrd.model import Network, NetworkConfig, has_limits, load_weights
from shsrd.model.int8 import SMALLEST
from shsrd.training import run_training
from shsrd.training.batch import Batch
from shsrd.training.config import PhotoAugmentation
from shsrd.training.limits import measure_limits

CONFIG = NetworkConfig(scale=2, width=16, blocks=3, denoiser_width=16, denoiser_blocks=1, injection="none")


def batch_of(triplets):
    ones = torch.ones(1, 3, 1, 1)
    return Batch(triplets, triplets, ones, ones)


def test_limits_are_sizes_beside_the_largest_stem_feature():
    torch.manual_seed(0)
    network, batch = Network(CONFIG), batch_of(5 * torch.randn(1, 3, 9, 8))
    measure_limits(network, [batch])
    with torch.no_grad():
        stem = network.encoder.stem(batch.low)
        middle = torch.relu(network.encoder.blocks[0].first(stem))
    largest = stem.abs().max()
    assert largest > SMALLEST
    before, between = network.encoder.limits[0]
    torch.testing.assert_close(before, stem.abs().amax(dim=(0, 2, 3)) / largest)
    torch.testing.assert_close(between, middle.amax(dim=(0, 2, 3)) / largest)


def test_rare_triplets_do_not_decide():
    """One of forty triplets with features unlike the others' leaves the limits where they were."""
    torch.manual_seed(0)
    network, usual = Network(CONFIG), torch.randn(39, 3, 9, 8)
    measure_limits(network, [batch_of(usual)])
    before = network.encoder.limits.clone()
    measure_limits(network, [batch_of(torch.cat([usual, torch.full((1, 3, 9, 8), 50.0)]))])
    torch.testing.assert_close(network.encoder.limits, before, rtol=0.3, atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_measures_the_weights_that_it_leaves(settings, precision):
    photos = PhotoAugmentation(shrunk=1.0)  # drawing these fails in bf16
    config = settings("pretrain", steps=2, precision=precision, photos=photos)
    model = load_weights(run_training(config))
    assert has_limits(model.network)
    assert model.provenance["stages"][-1]["limit_batches"] > 0
