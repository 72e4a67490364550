import json

import pytest
import torch
from safetensors.torch import load_file

from shsrd.model import Network, load_weights, read_header, save_weights
from shsrd.training import TrainConfig, TrainingError, read_config, run_training
from shsrd.training.checkpoint import BEST, CHECKPOINT
from shsrd.training.config import PhotoAugmentation
from shsrd.training.data.batch import MARGIN, SpectralAngleLoss
from shsrd.training.data.loader import generator_of
from shsrd.training.data.photos import PhotoSource
from shsrd.training.data.scenes import SceneSource
from shsrd.training.loop import Run, limit_threads, train
from shsrd.training.losses import diffusion_loss, posterior_mean_loss
from shsrd.training.trainable import freeze, trainable_parameters
from shsrd.training.validation import scene_validator


def final_weights(config):
    tensors = load_file(config.out / CHECKPOINT)
    return {key.removeprefix("raw."): value for key, value in tensors.items() if key.startswith("raw.")}


def changed(config, start):
    """Names of the parameters that a run has changed."""
    before, after = load_weights(start).network.state_dict(), final_weights(config)
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}


def adapters(part):
    body = (f"{part}.injection.", f"{part}.stem.", f"{part}.head.")
    return lambda key: key.startswith(body) or (key.startswith(f"{part}.blocks.") and ".second." in key)


def own(objective, allowed):
    """The keys of an objective's own network that may change, and the scale head, which goes with the denoiser."""
    return lambda key: allowed(key) or (objective == "diffusion" and key.startswith("scale_head."))


CHOICES = {
    "injection": lambda part: lambda key: key.startswith(f"{part}.injection."),
    "adapters": adapters,
    "all": lambda part: lambda key: key.startswith(f"{part}."),
}


@pytest.mark.parametrize("trainable", CHOICES)
@pytest.mark.parametrize(("objective", "part"), [("mean", "encoder"), ("diffusion", "denoiser")])
def test_a_transfer_changes_what_it_says_and_nothing_else(settings, stage_one, trainable, objective, part):
    before = stage_one.read_bytes()
    config = settings("transfer", objective=objective, trainable=trainable, steps=3)
    run_training(config)
    allowed = own(objective, CHOICES[trainable](part))
    expected = {key for key, _ in load_weights(stage_one).network.named_parameters() if allowed(key)}
    assert changed(config, stage_one) == expected
    assert stage_one.read_bytes() == before


@pytest.mark.parametrize(("objective", "part"), [("mean", "encoder"), ("diffusion", "denoiser")])
def test_plain_photos_never_train_the_injection(settings, stage_one, objective, part):
    config = settings("pretrain", objective=objective, start_from=stage_one, steps=3)
    run_training(config)
    keys = [key for key, _ in load_weights(stage_one).network.named_parameters()]
    allowed = own(objective, CHOICES["all"](part))
    assert changed(config, stage_one) == {k for k in keys if allowed(k) and ".injection." not in k}


@pytest.mark.parametrize(("objective", "part"), [("mean", "encoder"), ("diffusion", "denoiser")])
def test_cubes_made_of_photos_train_the_injection(settings, stage_one, objective, part):
    photos = PhotoAugmentation(cubes=1.0)
    config = settings("pretrain", objective=objective, start_from=stage_one, photos=photos, steps=3)
    run_training(config)
    names = changed(config, stage_one)
    assert any(name.startswith(f"{part}.injection.sites") for name in names)
    assert any(name.startswith(f"{part}.blocks") for name in names)


@pytest.mark.parametrize("kind", ["none", "ungated", "gated"])
def test_an_injection_can_begin_anew(settings, stage_one, network_config, kind):
    """The first step is as good as none: all but the injection is the start's, and the injection is silent."""
    changes = {"restart_injection": True, "network": network_config.model_copy(update={"injection": kind})}
    config = settings("transfer", steps=1, lr=1e-30, weight_decay=0, **changes)
    after = load_weights(run_training(config)).network
    before = load_weights(stage_one).network
    assert after.config.injection == kind
    kept = [key for key, _ in before.named_parameters() if ".injection." not in key]
    assert all(torch.equal(after.state_dict()[key], before.state_dict()[key]) for key in kept)
    fresh = [key for key in after.state_dict() if ".injection." in key]
    assert bool(fresh) == (kind != "none")
    assert any(".select." in key for key in fresh) == (kind == "gated")
    assert not any(after.state_dict()[key].any() for key in fresh if ".sites." in key)


def test_a_scale_head_can_be_given_a_context(settings, stage_one):
    """It is silent at first, and learns."""
    before = load_weights(stage_one).network
    still = settings("transfer", objective="diffusion", scale_context=3, steps=1, lr=1e-30, weight_decay=0)
    after = load_weights(run_training(still)).network
    assert after.config.scale_context == 3
    extra = {"scale_head.context.weight", "scale_head.context.bias"}
    assert after.state_dict().keys() - before.state_dict().keys() == extra
    assert not any(after.state_dict()[key].any() for key in extra)
    assert all(torch.equal(after.state_dict()[key], value) for key, value in before.state_dict().items())


def test_a_network_without_injection_cannot_train_it(settings, network_config, tmp_path):
    bare = tmp_path / "bare.safetensors"
    save_weights(bare, Network(network_config.model_copy(update={"injection": "none"})), {})
    with pytest.raises(TrainingError, match="no injection"):
        run_training(settings("transfer", start_from=bare, trainable="injection", steps=1))


def test_photos_cannot_teach_an_injection_alone(settings, photo_folder):
    lessons = {"replay": photo_folder, "trainable": "injection", "steps": 4}
    with pytest.raises(TrainingError, match="leave out rehearsal"):
        run_training(settings("transfer", **lessons))
    cubes = PhotoAugmentation(cubes=1.0)
    allowed = ({"photos": cubes}, {"objective": "diffusion"}, {"trainable": "adapters"}, {"replay_share": 0})
    for changes in allowed:
        config = settings("transfer", **lessons | changes | {"out": settings("transfer").out / "-".join(changes)})
        assert run_training(config).exists()


def test_trainable_choices_grow(network_config, settings):
    network, counts = Network(network_config), []
    for trainable in CHOICES:
        freeze(network, settings("transfer", trainable=trainable))
        counts.append(sum(p.numel() for p in trainable_parameters(network)))
    assert counts == sorted(set(counts))
    assert counts[-1] == sum(p.numel() for p in network.encoder.parameters())


def test_a_transfer_keeps_the_start_weights_when_they_lie_in_its_own_folder(settings, tmp_path, stage_one):
    own = tmp_path / "run" / "start.safetensors"
    own.parent.mkdir()
    own.write_bytes(stage_one.read_bytes())
    config = settings("transfer", start_from=own, steps=3)
    assert run_training(config) != own
    assert own.read_bytes() == stage_one.read_bytes()


def test_best_weights_are_the_average_with_their_history(settings, stage_one):
    config = settings("transfer", steps=3)
    best = run_training(config)
    assert best == config.out / BEST
    average = load_file(config.out / CHECKPOINT)["average.module.encoder.head.weight"]
    assert torch.equal(load_weights(best).network.encoder.head.weight, average.half().float())
    header = read_header(best)
    first, second = header["provenance"]["stages"]
    assert first == {"stage": "pretrain", "seed": 5}
    assert (second["stage"], second["step"], second["start_from"]) == ("transfer", 3, "stage-one")
    assert second["scenes"] == sorted(path.stem for path in config.train.glob("*.safetensors"))
    assert load_weights(best).scenes == set(second["scenes"]) != set()
    assert "gain_db" in second["figures"]
    assert str(config.out.parent) not in json.dumps(header)  # no machine's paths


def test_a_transfer_needs_a_start(settings):
    with pytest.raises(ValueError, match="start_from"):
        run_training(settings("transfer", start_from=None))


class Fixed:
    """A source that gives the same batch again and again."""

    def __init__(self, batch):
        self.batch = batch

    def draw(self, count, generator):
        return self.batch


def quietly(config, network, source, gains=None):
    """Train with validation figures given in advance."""
    config.out.mkdir(parents=True, exist_ok=True)
    saved = []

    def validate(judged):
        return {"gain_db": 0.0 if gains is None else next(gains)}

    progress = train(Run(config, network, source, validate), lambda n, p, f: saved.append(p.step))
    return progress, saved


@pytest.mark.parametrize("objective", ["mean", "diffusion"])
def test_a_tiny_set_is_learnt_by_heart(settings, scene_folder, stage_one, objective):
    config = settings("transfer", objective=objective, steps=60, lr=4e-3, validate_every=60, checkpoint_every=60)
    batch = SceneSource(scene_folder, config.scenes, scale=2, patch=8, guides="mnf").draw(8, generator_of(0, 0, 0))
    network = load_weights(stage_one).network

    def loss():
        with torch.no_grad():
            if objective == "mean":
                return float(posterior_mean_loss(network, batch))
            losses = [diffusion_loss(network, batch, torch.Generator().manual_seed(n)).total for n in range(8)]
            return float(torch.stack(losses).mean())

    before = loss()
    quietly(config, network, Fixed(batch))
    assert loss() < 0.75 * before


def test_the_best_possible_loss_is_zero(scene_folder, settings, stage_one):
    """A network that answers the truth has no loss: L1 and spectral angle agree on what is right."""
    config = settings("transfer")
    batch = SceneSource(scene_folder, config.scenes, scale=2, patch=8, guides="mnf").draw(8, generator_of(0, 0, 0))
    truth = batch.residual
    assert float(batch.angle.loss(truth, truth)) < 1e-4 * batch.angle.weight * 1.5
    wrong = [float(batch.angle.loss(truth + step * torch.randn_like(truth), truth)) for step in (0.1, 0.4)]
    assert 0 < wrong[0] < wrong[1]


def test_the_angle_ignores_brightness_and_sees_colour():
    base = torch.rand(2, 3, 6, 6) + 0.5
    angle = SpectralAngleLoss(base, torch.ones(2, 3, 1, 1), group=2, weight=1.0)
    none = torch.zeros_like(base)
    brighter, redder = 0.2 * base, none.clone()
    redder[0, 0] = 0.2
    assert float(angle.loss(brighter, none)) < 1e-3 < 0.03 < float(angle.loss(redder, none))


@pytest.mark.parametrize(
    ("patience", "gains", "stops_at", "best_step", "saved"),
    [
        (0, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], 12, 4, [2, 4]),
        (1, [1.0, 2.0, 2.0, 9.0, 9.0, 9.0], 6, 4, [2, 4]),
        (2, [1.0, 2.0, 1.5, 1.9, 9.0, 9.0], 8, 4, [2, 4]),
        (2, [1.0, 2.0, 1.5, 2.5, 1.0, 1.0], 12, 8, [2, 4, 8]),
    ],
)
def test_patience_stops_a_run_that_no_longer_improves(
    settings, photo_folder, stage_one, patience, gains, stops_at, best_step, saved
):
    config = settings("pretrain", steps=12, validate_every=2, patience=patience)
    source = Fixed(PhotoSource(photo_folder, config.photos, scale=2, patch=8).draw(2, generator_of(0, 0, 0)))
    progress, kept = quietly(config, load_weights(stage_one).network, source, iter(gains))
    assert (progress.step, progress.best_step, kept) == (stops_at, best_step, saved)


def test_time_limit_stops_and_saves(settings, photo_folder, stage_one):
    config = settings("pretrain", steps=100_000, time_limit=0.3 / 60, validate_every=10**6, checkpoint_every=10**6)
    source = Fixed(PhotoSource(photo_folder, config.photos, scale=2, patch=8).draw(2, generator_of(0, 0, 0)))
    progress, saved = quietly(config, load_weights(stage_one).network, source)
    assert 1 <= progress.step < 10_000
    assert 0.3 <= progress.seconds < 20
    assert saved == [progress.step]
    assert (config.out / CHECKPOINT).exists()


def test_the_learning_rate_warms_up_and_falls_to_zero(settings, photo_folder, stage_one, monkeypatch):
    rates = []
    monkeypatch.setattr("shsrd.training.monitor.Monitor.step", lambda self, counters, loss, rate: rates.append(rate))
    config = settings("pretrain", steps=10, warmup=4, lr=1e-3)
    source = Fixed(PhotoSource(photo_folder, config.photos, scale=2, patch=8).draw(2, generator_of(0, 0, 0)))
    quietly(config, load_weights(stage_one).network, source)
    assert len(rates) == 10
    assert rates[0] == pytest.approx(1e-3 / 4)
    assert rates.index(max(rates)) == 3
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 0.05 * 1e-3


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("pretrain", {"learning_rate": 1e-3}),
        ("pretrain", {"photos": {"blurr": 0.1}}),
        ("transfer", {"scenes": {"triplet": 1}}),
        ("transfer", {"network": {"depth": 4}}),
        ("transfer", {"trainable": "head"}),
        ("pretrain", {"steps": 0}),
        ("pretrain", {"ema": 1.0}),
        ("test", {}),
    ],
)
def test_unknown_or_impossible_settings_are_errors(tmp_path, stage, change):
    import yaml

    known = {"stage": stage, "train": "a", "validation": "b", "out": "c"}
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(known | change))
    key = next(iter(change), "stage")
    with pytest.raises(ValueError, match=rf"run\.yaml: {key}\S*: .*; correct this key"):
        read_config(path)


def test_configs_are_read_from_yaml(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("stage: pretrain\ntrain: a\nvalidation: b\nout: c\nphotos: {blur: 0.5}\nlr: 2.0e-4\n")
    config = read_config(path)
    assert isinstance(config, TrainConfig)
    assert (config.photos, config.lr) == (PhotoAugmentation(blur=0.5), 2e-4)
    for text in ("- a\n- b\n", "stage: [", ""):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"run\.yaml"):
            read_config(path)
    with pytest.raises(ValueError, match="no such config file"):
        read_config(tmp_path / "missing.yaml")


def test_margins_are_wider_than_the_interpolation_kernel():
    from shsrd.degradation.resample import SUPPORT

    assert MARGIN > SUPPORT


def test_the_body_may_learn_more_slowly_than_the_injection(settings, stage_one):
    """With one step of AdamW, whose size is the learning rate's whatever the gradient."""
    config = settings("transfer", body_rate=0.125, steps=1, warmup=0, weight_decay=0)
    run_training(config)
    before, after = load_weights(stage_one).network.state_dict(), final_weights(config)
    moved = {key: float((after[key] - before[key]).abs().max()) for key in before}
    head, site = moved["encoder.head.weight"], moved["encoder.injection.sites.0.weight"]
    assert site == pytest.approx(8 * head, rel=0.02)
    assert head > 0


def test_the_scale_head_may_learn_faster_than_the_denoiser(settings, stage_one):
    config = settings("transfer", objective="diffusion", scale_rate=4, steps=1, warmup=0, weight_decay=0)
    run_training(config)
    before, after = load_weights(stage_one).network.state_dict(), final_weights(config)
    moved = {key: float((after[key] - before[key]).abs().max()) for key in before}
    assert moved["scale_head.head.bias"] == pytest.approx(4 * moved["denoiser.head.bias"], rel=0.02)


@pytest.mark.parametrize("guides", ["pca", "mnf"])
def test_a_denoiser_is_judged_with_the_guide_maps_it_takes(scene_folder, network_config, monkeypatch, guides):
    seen = []

    def source(*given, **settings):
        made = SceneSource(*given, **settings)
        seen.extend(scene.guides for scene in made.scenes)
        return made

    monkeypatch.setattr("shsrd.training.validation.SceneSource", source)
    config = network_config.model_copy(update={"guides": guides})
    scene_validator(scene_folder, network=config, objective="diffusion", precision="fp32")
    assert set(seen) == {guides}


def test_a_gpu_leaves_the_processor_few_threads_and_gives_them_back(monkeypatch):
    monkeypatch.setattr("shsrd.training.loop.THREADS", 1)
    torch.set_num_threads(2)
    with pytest.raises(KeyError), limit_threads(torch.device("cuda")):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 2
    with limit_threads(torch.device("cpu")):
        assert torch.get_num_threads() == 2
