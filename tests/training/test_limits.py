"""Limits are the largest features that the encoder's convolutions meet."""

import torch

from shsrd.model import Network, NetworkConfig, has_limits, load_weights
from shsrd.training import run_training
from shsrd.training.batch import Batch
from shsrd.training.limits import measure_limits

CONFIG = NetworkConfig(scale=2, width=16, blocks=3, denoiser_width=16, denoiser_blocks=1, injection="none")


def batch_of(triplets):
    ones = torch.ones(1, 3, 1, 1)
    return Batch(triplets, triplets, ones, ones)


def test_limits_are_the_largest_features():
    torch.manual_seed(0)
    network, batches = Network(CONFIG), [batch_of(torch.randn(2, 3, 9, 8)) for _ in range(3)]
    measure_limits(network, batches)
    limits = network.encoder.limits
    stems = torch.cat([network.encoder.stem(batch.low) for batch in batches])
    torch.testing.assert_close(limits[0, 0], stems.abs().amax(dim=(0, 2, 3)))
    middle = torch.relu(network.encoder.blocks[0].first(stems))
    torch.testing.assert_close(limits[0, 1], middle.amax(dim=(0, 2, 3)))


def test_measuring_again_forgets_what_was_before():
    network = Network(CONFIG)
    measure_limits(network, [batch_of(100 * torch.randn(2, 3, 9, 8))])
    measure_limits(network, [batch_of(torch.zeros(2, 3, 9, 8))])
    assert float(network.encoder.limits[0, 0].max()) < 1


def test_a_run_measures_the_weights_that_it_leaves(settings):
    config = settings("pretrain", steps=2)
    model = load_weights(run_training(config))
    assert has_limits(model.network)
    assert model.provenance["stages"][-1]["limit_batches"] > 0
