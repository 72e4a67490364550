"""Averages of start, best and last weights: validation decides."""

import torch

from shsrd.model import Network, NetworkConfig
from shsrd.training.weight_averaging import score_db, select_weight_average

SMALL = NetworkConfig(width=8, blocks=2, denoiser_width=8, denoiser_blocks=1, guide_width=4)


def ends(value):
    network = Network(SMALL)
    return {key: torch.full_like(tensor, value) for key, tensor in network.state_dict().items()}


def judge(best_at):
    """Figures that are best where all weights equal ``best_at``."""

    def validate(network):
        distance = float((network.encoder.stem.weight.detach() - best_at).abs().mean())
        return {"gain_db": -distance, "bands_gain_db": -distance, "bands_sam_ratio": 1.0}

    return validate


def test_a_point_between_is_found():
    network = Network(SMALL)
    found = select_weight_average(network, {"start": ends(0.0), "best": ends(1.0)}, ends(4.0), judge(2.9))
    assert found is not None
    assert found[0] == "start 0.25 + last 0.75"
    assert torch.allclose(network.encoder.stem.weight, torch.tensor(3.0))


def test_the_best_end_stays_where_no_mix_beats_it():
    network = Network(SMALL)
    assert select_weight_average(network, {"start": ends(0.0), "best": ends(2.0)}, ends(4.0), judge(2.0)) is None
    assert torch.equal(network.encoder.stem.weight, torch.full_like(network.encoder.stem.weight, 2.0))


def test_score_counts_both_gains():
    better_pixels = {"gain_db": 3.0, "bands_gain_db": 3.0, "bands_sam_ratio": 0.8}
    better_angles = {"gain_db": 2.9, "bands_gain_db": 2.9, "bands_sam_ratio": 0.7}
    assert score_db(better_angles) > score_db(better_pixels)
