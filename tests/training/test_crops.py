import numpy as np
import pytest
import torch
from torch.nn import functional

from shsrd.training.config import PhotoAugmentation
from shsrd.training.data.crops import PhotoStore, Places, downscale_matrix
from shsrd.training.data.loader import generator_of
from shsrd.training.data.photos import PhotoSource
from shsrd.training.data.random_ops import dihedral

SIDE = 10
PHOTOS = [
    np.random.default_rng(number).integers(0, 256, (3, *shape)).astype(np.uint8)
    for number, shape in enumerate([(31, 24), (17, 40), (SIDE, SIDE)])
]


@pytest.fixture
def store():
    return PhotoStore(PHOTOS, torch.device("cpu"))


def places(photos, **changed):
    count = len(photos)
    fields = {
        "photo": torch.tensor(photos),
        "symmetry": torch.zeros(count, dtype=torch.long),
        "corner": torch.zeros(count, 2),
        "shrink": torch.ones(count),
    }
    return Places(**(fields | changed))


def test_the_store_holds_the_photos(store):
    for photo, kept in zip(PHOTOS, store.photos, strict=True):
        assert np.array_equal(photo, kept.numpy())


def test_crops_are_cut_flipped_and_turned_as_one_by_one(store):
    photos, symmetries = [0, 1, 2, 1, 0, 0, 1, 0], torch.arange(8)
    corner = torch.rand(8, 2, generator=torch.Generator().manual_seed(0))
    crops = store.crops(places(photos, symmetry=symmetries, corner=corner), SIDE)
    for crop, number, symmetry, fractions in zip(crops, photos, symmetries.tolist(), corner.tolist(), strict=True):
        photo = torch.from_numpy(PHOTOS[number])
        top, left = (
            min(int(f * (size - SIDE + 1)), size - SIDE) for f, size in zip(fractions, photo.shape[1:], strict=True)
        )
        plain = photo[:, top : top + SIDE, left : left + SIDE].float() / 255
        torch.testing.assert_close(crop, dihedral(plain, symmetry), rtol=0, atol=0)


def test_corners_reach_every_edge_of_a_photo(store):
    first, last = (store.crops(places([0], corner=torch.full((1, 2), f)), SIDE)[0] for f in (0.0, 1.0))
    photo = torch.from_numpy(PHOTOS[0]).float() / 255
    assert torch.equal(first, photo[:, :SIDE, :SIDE])
    assert torch.equal(last, photo[:, -SIDE:, -SIDE:])


def test_a_crop_from_farther_away_is_the_larger_one_made_smaller(store):
    crop = store.crops(places([0], shrink=torch.tensor([2.0])), SIDE)[0]
    larger = torch.from_numpy(PHOTOS[0]).float()[None, :, : 2 * SIDE, : 2 * SIDE] / 255
    expected = functional.interpolate(larger, size=(SIDE, SIDE), mode="bicubic", antialias=True)[0].clamp(0, 1)
    torch.testing.assert_close(crop, expected, rtol=0, atol=2e-6)


def test_photos_too_small_to_shrink_are_taken_as_they_are(store):
    plain, shrunk = (store.crops(places([2], shrink=torch.tensor([f])), SIDE) for f in (1.0, 3.0))
    assert torch.equal(plain, shrunk)


def test_crops_of_one_batch_do_not_depend_on_each_other(store):
    factors = torch.tensor([1.0, 1.9, 1.3])
    together = store.crops(places([0, 1, 0], shrink=factors), SIDE)
    for number, photo in enumerate([0, 1, 0]):
        alone = store.crops(places([photo], shrink=factors[number : number + 1]), SIDE)
        torch.testing.assert_close(together[number : number + 1], alone, rtol=0, atol=1e-6)


def test_a_photo_smaller_than_the_crop_is_refused(store):
    with pytest.raises(ValueError, match="10 pixels has no crop of 11"):
        store.crops(places([0, 2]), SIDE + 1)


@pytest.mark.parametrize("wide", [12, 17, 20])
def test_shrinking_leaves_flat_images_flat_and_looks_at_its_crop_only(wide):
    matrix = downscale_matrix(torch.tensor([wide]), SIDE, 23)[0]
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(SIDE))
    assert not matrix[:, wide:].any()


def test_photos_seen_from_farther_away_stay_in_their_range(photo_folder):
    augmentation = PhotoAugmentation(shrunk=1, linear=1, noise=0)
    source = PhotoSource(photo_folder, augmentation, scale=2, patch=8)
    for step in range(5):
        batch = source.draw(4, generator_of(0, step, 0))
        assert torch.isfinite(batch.low).all()
        assert torch.isfinite(batch.residual).all()
