import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from shsrd.degradation import Degradation, bicubic_down, bicubic_up, degrade
from shsrd.model import NetworkConfig
from shsrd.spectral import CONTENT_FEATURES, DESCRIPTOR_FEATURES, MAP_CHANNELS, WAVELENGTH_FEATURES
from shsrd.training import TrainConfig
from shsrd.training.config import PhotoAugmentation, SceneAugmentation
from shsrd.training.data.batch import MARGIN, cut, residual_target
from shsrd.training.data.loader import generator_of
from shsrd.training.data.mixture import MixtureSource
from shsrd.training.data.pack import PHOTO_PACK, load_scenes
from shsrd.training.data.photo_cubes import PhotoCubeSource
from shsrd.training.data.photos import PhotoSource
from shsrd.training.data.random_ops import dihedral
from shsrd.training.data.scenes import SceneSource

SCALE, PATCH = 2, 8


def photos_of(folder, patch=PATCH, **augmentation):
    return PhotoSource(folder, PhotoAugmentation(**augmentation), scale=SCALE, patch=patch)


@pytest.fixture(params=["photos", "cubes", "scenes", "noisy scenes", "either"])
def source(request, photo_folder, scene_folder):
    photos = photos_of(photo_folder)
    scenes = SceneSource(scene_folder, SceneAugmentation(triplets=2), scale=SCALE, patch=PATCH, guides="mnf")
    noisy = SceneSource(scene_folder, SceneAugmentation(triplets=2, noise=1.0), scale=SCALE, patch=PATCH, guides="mnf")
    return {
        "photos": photos,
        "cubes": PhotoCubeSource(photos, "mnf"),
        "scenes": scenes,
        "noisy scenes": noisy,
        "either": MixtureSource(scenes, PhotoCubeSource(photos, "mnf"), 0.5),
    }[request.param]


def tensors(batch):
    found = [batch.low, batch.residual, batch.weight]
    if batch.information is not None:
        found += [batch.information.maps, batch.information.descriptor]
    if batch.angle is not None:
        found += [batch.angle.base, batch.angle.std]
    return found


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_a_batch_is_a_pure_function_of_seed_step_and_rank(source):
    first = source.draw(4, generator_of(3, 10, 0))
    source.draw(4, generator_of(0, 0, 0))
    torch.rand(7)  # the global generator does not matter
    assert same(first, source.draw(4, generator_of(3, 10, 0)))
    for other in ((4, 10, 0), (3, 11, 0), (3, 10, 1)):
        assert not same(first, source.draw(4, generator_of(*other)))


def test_generators_of_a_run_never_meet():
    drawn = [
        tuple(torch.randint(2**62, (2,), generator=generator_of(seed, step, rank)).tolist())
        for seed in (0, 1, 2)
        for step in range(40)
        for rank in (0, 1, 7)
    ]
    assert len(set(drawn)) == len(drawn)


def test_shapes(source):
    batch = source.draw(4, generator_of(0, 0, 0))
    assert batch.low.shape == (4, 3, PATCH, PATCH)
    assert batch.residual.shape == (4, 3, PATCH * SCALE, PATCH * SCALE)
    assert (batch.weight.expand_as(batch.residual) > 0).all()
    if batch.information is not None:
        assert batch.information.maps.shape == (4, MAP_CHANNELS, PATCH, PATCH)
        assert batch.information.descriptor.shape == (4, DESCRIPTOR_FEATURES)


def test_residual_plus_interpolation_is_the_truth():
    low, clean = torch.randn(2, 3, 16, 16), torch.randn(2, 3, 32, 32)
    inner, residual = residual_target(low, clean, SCALE)
    assert torch.equal(inner, cut(low, MARGIN))
    torch.testing.assert_close(residual + cut(bicubic_up(low, SCALE), MARGIN * SCALE), cut(clean, MARGIN * SCALE))


def plain(photo_folder, scene_folder, kind):
    """A source that adds no noise, so that the low resolution is the degraded truth."""
    if kind == "photos":
        return PhotoSource(photo_folder, PhotoAugmentation(noise=0), scale=SCALE, patch=16)
    return SceneSource(scene_folder, SceneAugmentation(), scale=SCALE, patch=16, guides="mnf")


@pytest.mark.parametrize("kind", ["photos", "scenes"])
def test_the_truth_degraded_is_the_low_resolution(photo_folder, scene_folder, kind):
    source = plain(photo_folder, scene_folder, kind)
    for step in range(6):
        batch = source.draw(4, generator_of(0, step, 0))
        truth = bicubic_up(batch.low, SCALE) + batch.residual
        again = degrade(truth, Degradation(scale=SCALE))
        inside = slice(5, -5)  # farther from the cut border than both kernels reach
        torch.testing.assert_close(
            again[..., inside, inside], batch.low[..., inside, inside], rtol=1e-3, atol=2e-3 * float(batch.low.std())
        )
        assert batch.residual.std() > 1e-3


def test_sensor_noise_is_in_the_low_resolution_only(photo_folder):
    clean = PhotoSource(photo_folder, PhotoAugmentation(noise=0), scale=SCALE, patch=16)
    noisy = PhotoSource(photo_folder, PhotoAugmentation(noise=1, noise_range=(0.2, 0.2)), scale=SCALE, patch=16)
    differences = []
    for step in range(8):
        a, b = (source.draw(1, generator_of(0, step, 0)) for source in (clean, noisy))
        truths = [bicubic_up(x.low, SCALE) + x.residual for x in (a, b)]
        inside = slice(6, -6)
        torch.testing.assert_close(truths[0][..., inside, inside], truths[1][..., inside, inside], rtol=0, atol=1e-4)
        differences.append(float((a.low - b.low).std()))
    assert 0.05 < np.mean(differences) < 0.2  # averaging over a pixel leaves about 0.2 / 2


def bands_with_noise(kind, level, photo_folder, scene_folder):
    """A source of neighbouring bands with this noise; all else is drawn alike whatever the noise."""
    if kind == "cubes":
        photos = photos_of(photo_folder, 16, cube_noise_range=(level, level), cube_eigen=0, blur=0)
        return PhotoCubeSource(photos, "mnf")
    augmentation = SceneAugmentation(noise=1.0, noise_range=(level, level), eigen=0, mixed=0)
    return SceneSource(scene_folder, augmentation, scale=SCALE, patch=16, guides="mnf")


@pytest.mark.parametrize("kind", ["cubes", "scenes"])
def test_noise_of_a_sensor_is_in_the_low_resolution_and_the_descriptor_tells(photo_folder, scene_folder, kind):
    clean, noisy = (bands_with_noise(kind, level, photo_folder, scene_folder) for level in (1e-9, 0.2))
    added, told, alike = [], [], []
    for step in range(6):
        a, b = (source.draw(2, generator_of(1, step, 0)) for source in (clean, noisy))
        added.append((b.low - a.low).std())
        logarithms = [
            x.information.descriptor[:, :CONTENT_FEATURES].reshape(2, 3, -1)[:, :, WAVELENGTH_FEATURES + 1]
            for x in (a, b)
        ]
        told.append((logarithms[1] - logarithms[0]).mean())
        truths = [(bicubic_up(x.low, SCALE) + x.residual)[..., 6:-6, 6:-6].reshape(6, -1) for x in (a, b)]
        alike += [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(*truths, strict=True)]
    assert 0.1 < np.mean(added) < 0.5
    assert np.mean(told) > 0.05  # half the decimal logarithm of the noise
    assert min(alike) > 0.9999


def test_guide_maps_of_a_noisy_cube_are_nearer_to_the_truth_than_the_triplet(photo_folder):
    photos = photos_of(photo_folder, 16, cube_noise_range=(0.1, 0.1), cube_eigen=0.0, blur=0)
    ours, rebuilt = [], []
    for step in range(8):
        batch = PhotoCubeSource(photos, "mnf").draw(4, generator_of(0, step, 0))
        truth = bicubic_down(bicubic_up(batch.low, SCALE) + batch.residual, SCALE)
        inside = (..., slice(3, -3), slice(3, -3))
        ours.append(float((batch.low - truth)[inside].square().mean()))
        rebuilt.append(float((batch.information.maps[:, 6:] - truth)[inside].square().mean()))
    assert np.mean(rebuilt) < 0.7 * np.mean(ours)


def test_scene_truth_is_made_of_the_scene_itself(scene_folder):
    """In cube units, every true value of a band triplet is a stored count."""
    augmentation = SceneAugmentation(eigen=0, mixed=0, triplets=2)
    source = SceneSource(scene_folder, augmentation, scale=SCALE, patch=PATCH, guides="mnf")
    scenes = load_scenes(scene_folder)
    for step in range(5):
        batch = source.draw(2, generator_of(0, step, 0))
        truth = (batch.angle.base + batch.angle.std * batch.residual).numpy().astype(np.float64)
        found = []
        for scene in scenes:
            counts = truth / scene.step
            close = np.abs(counts - np.rint(counts)).max() < 0.2
            found.append(close and np.isin(np.rint(counts), scene.stored).all())
        assert any(found)


def test_dihedral_gives_the_eight_symmetries():
    x = torch.arange(6).reshape(1, 2, 3)
    views = {(*dihedral(x, k).flatten().tolist(), dihedral(x, k).shape[1]) for k in range(8)}
    assert len(views) == 8
    assert all(sorted(dihedral(x, k).flatten().tolist()) == list(range(6)) for k in range(8))


@pytest.mark.parametrize("kind", ["grey", "black", "white", "one channel", "red only"])
def test_photos_without_variance_give_finite_batches(tmp_path, kind):
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 255, (48, 52), dtype=np.uint8)
    photos = {
        "grey": np.stack([texture] * 3),
        "black": np.zeros((3, 48, 52), np.uint8),
        "white": np.full((3, 48, 52), 255, np.uint8),
        "one channel": np.stack([texture, np.full_like(texture, 9), np.full_like(texture, 200)]),
        "red only": np.stack([texture, 0 * texture, 0 * texture]),
    }
    save_file({"photo": photos[kind]}, tmp_path / PHOTO_PACK)
    source = PhotoSource(tmp_path, PhotoAugmentation(noise=0.2), scale=SCALE, patch=PATCH)
    for step in range(10):
        batch = source.draw(4, generator_of(0, step, 0))
        for tensor in tensors(batch):
            assert torch.isfinite(tensor).all()
        assert batch.low.abs().max() < 1e3


def test_photo_triplets_are_standardised(photo_folder):
    source = PhotoSource(photo_folder, PhotoAugmentation(gain=1.0, noise=0, blur=0), scale=SCALE, patch=16)
    spreads = [float(source.draw(8, generator_of(0, step, 0)).low.std()) for step in range(10)]
    assert 0.6 < np.mean(spreads) < 1.4


def test_balanced_draws_see_the_rare_more_often(tmp_path, make_scene):
    from shsrd.training.data.pack import pack_scene

    cube = make_scene()
    pixels = cube.pixels.copy()
    pixels[:, :8, :8] = pixels[:, :8, :8] + np.linspace(2, 0, 10, dtype=np.float32)[:, None, None]  # a rare material
    pack_scene("rare", cube.replace(pixels=pixels), tmp_path)

    def rare_share(balanced):
        source = SceneSource(tmp_path, SceneAugmentation(balanced=balanced), scale=SCALE, patch=PATCH, guides="mnf")
        scene, generator = source.scenes[0], generator_of(0, 0, 0)
        corners = [scene.corner(16, generator, balanced=balanced == 1) for _ in range(300)]
        assert all(0 <= row <= 16 and 0 <= column <= 20 for row, column in corners)
        return np.mean([row < 4 and column < 4 for row, column in corners])

    assert rare_share(1.0) > 1.3 * rare_share(0.0)


def test_small_scenes_give_small_patches_in_batches_of_their_own(tmp_path, make_scene):
    from shsrd.training.data.pack import pack_scene

    sizes = {"large": (80, 80), "small": (40, 64), "tiny": (30, 90)}  # room for 32, 12 and 7 low-resolution pixels
    for seed, (name, (rows, columns)) in enumerate(sizes.items()):
        pack_scene(name, make_scene(rows=rows, columns=columns, seed=seed), tmp_path)
    source = SceneSource(tmp_path, SceneAugmentation(triplets=2), scale=SCALE, patch=24, guides="mnf")
    drawn = [source.draw(4, generator_of(0, step, 0)).low.shape for step in range(60)]
    assert set(drawn) == {(4, 3, 24, 24), (16, 3, 12, 12)}
    assert 15 < sum(shape[-1] == 12 for shape in drawn) < 45


def test_too_large_patches_are_refused(photo_folder, scene_folder):
    with pytest.raises(ValueError, match="smaller patch"):
        PhotoSource(photo_folder, PhotoAugmentation(), scale=SCALE, patch=200)
    with pytest.raises(ValueError, match="smaller patch"):
        SceneSource(scene_folder, SceneAugmentation(), scale=SCALE, patch=200, guides="mnf")


def test_config_defaults_are_valid():
    config = TrainConfig(stage="pretrain", train=".", validation=".", out="x")
    assert config.network == NetworkConfig()
