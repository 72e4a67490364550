"""The whole method on one array: no tiles, files, missing values or options.

Steps and symbols are those of ``docs/method.md``. ``shsrd.upscale`` computes the same in a cheaper order.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from shsrd.degradation import Degradation, back_project, bicubic_up
from shsrd.model import Network, SpectralInformation, unpack
from shsrd.spectral import band_basis, guide_basis, positions_um, scene_statistics, spectral_guide

BORDER = 6  # mirrored pixels around the scene


@torch.no_grad()
def super_resolve(y: Tensor, wavelength_nm: Tensor | None, network: Network) -> Tensor:
    """Posterior mean ``x`` ``(B, s h, s w)`` of a scene; the bicubic kernel degrades it to ``y`` again.

    Args:
        y: ``(B, h, w)`` float32 scene in any unit, 3 bands at least, no missing values, no constant bands.
        wavelength_nm: ``(B,)`` band centres, or None.
        network: weights in float32, on the CPU.
    """
    (B, h, w), s = y.shape, network.config.scale
    # Statistics: mean, standard deviation, covariance G of the finest detail (mixed second differences), noise share N
    d, mu = torch.std_mean(y.double(), (1, 2), correction=0, keepdim=True)  # (B, 1, 1)
    q = ((y[:, 1:, 1:] - y[:, :-1, 1:] - y[:, 1:, :-1] + y[:, :-1, :-1]) / 2).double().flatten(1)  # (B, n)
    G = q @ q.T / q.shape[1]  # (B, B)
    C, unit = G / torch.outer(G.diag(), G.diag()).sqrt(), G.diag().sqrt().float()[:, None, None]  # (B, B), (B, 1, 1)
    N = torch.minimum(1 / torch.linalg.inv(C + 1e-4 * torch.eye(B)).diag(), C.diag())  # (B,)
    # 1. Spectral basis: the network sees the bands a, standardised, three neighbours at a time
    a = torch.arange(B) if B <= 36 else torch.linspace(0, B - 1, 24, dtype=torch.float64).round().long()  # (K,)
    triplets = torch.tensor([[k, k + 1, k + 2] for k in (min(k, len(a) - 3) for k in range(0, len(a), 3))])  # (T, 3)
    rows, columns = (torch.from_numpy(np.pad(np.arange(n), BORDER, mode="symmetric")) for n in (h, w))
    wide = y[:, rows[:, None], columns]  # (B, h + 12, w + 12)
    # 3. Spectral information: guide maps and descriptors of the triplets
    position = positions_um(None if wavelength_nm is None else wavelength_nm.double().numpy(), B)  # (B,)
    statistics = scene_statistics(y.numpy())
    guide = spectral_guide(band_basis(statistics), guide_basis(statistics, 6, network.config.guides), position)
    maps = guide.maps(guide.guide_components(wide), triplets.numpy())  # (T, 9, ., .)
    descriptors = torch.from_numpy(guide.descriptors(triplets.numpy()))  # (T, descriptor features)
    # 2. Condition encoder: posterior mean of the residual; mirrored in turn where a filter averages over bands
    r, times = torch.zeros(len(a), h * s, w * s), torch.zeros(len(a), 1, 1)  # (K, s h, s w)
    for t, triplet in enumerate(triplets):
        axes = [[], [-1], [-2], [-2, -1]][t % 4 if B >= 12 else 0]
        shown = ((wide - mu) / d)[a[triplet]][None].float().flip(axes)  # (1, 3, ., .)
        information = SpectralInformation(maps[t : t + 1].flip(axes), descriptors[t : t + 1])
        mean = unpack(network.encode(shown, information).mean, s).flip(axes)[0]
        r[triplet] += mean[:, BORDER * s : -BORDER * s, BORDER * s : -BORDER * s]
        times[triplet] += 1
    z = (r / times * d[a] / unit[a]).float()  # (K, s h, s w), in units of each band's finest detail
    # 1. Filter across bands at every pixel, then the bands that the network did not see
    if B >= 12:
        f = torch.arange(B) if B <= 36 else a  # (F,) bands that the filter gives
        z = _filter(y[f] / unit[f], z, C[f][:, f].float(), N[f].float(), torch.searchsorted(f, a), s)  # (F, s h, s w)
        A = (C - N.diag())[:, a] @ torch.linalg.inv(C[a][:, a] + 0.002 * torch.eye(len(a)))  # (B, K)
        A[a] = torch.eye(len(a), dtype=A.dtype)  # bands that the network saw stay as they are
        z = z if len(f) == B else torch.einsum("bk,kyx->byx", A.float(), z)
    # Reconstruction x = U y + S z, then 6. Consistency: x <- x + U P (y - D x)
    return back_project(bicubic_up(y, s) + unit * z, y, Degradation(scale=s))  # (B, s h, s w)


def _filter(y: Tensor, z: Tensor, C: Tensor, N: Tensor, a: Tensor, s: int) -> Tensor:
    """``(S - (1 - rho + 0.3) t N)[:, a] (S[a, a] + 0.06 s I)^-1 z``, ``S = rho L + (1 - rho + 0.3) t C``."""
    (F, h, w), K = y.shape, len(a)
    steps = torch.stack([pad(y.diff(dim=2), (0, 1)), pad(y.diff(dim=1), (0, 0, 0, 1))])  # (2, F, h, w)
    near = pad(steps, (1, 1, 1, 1), mode="replicate").unfold(2, 3, 1).unfold(3, 3, 1) / 3  # (2, F, h, w, 3, 3)
    L = torch.einsum("dfyxij,dgyxij->yxfg", near, near)  # (h, w, F, F)
    t = L[..., a, a].mean(-1)[..., None, None]  # (h, w, 1, 1)
    rho = (1 - 16 * N[a].mean() / t.clamp_min(4e-3)).clamp(0, 1)
    weight = (1 - rho + 0.3) * t + 4e-3
    S = rho * L + weight * C  # (h, w, F, F)
    ridge = 0.06 * S[..., a, a].mean(-1)[..., None, None] * torch.eye(K)
    blocks = z.reshape(K, h, s, w, s).permute(1, 3, 0, 2, 4).flatten(3)  # (h, w, K, s s)
    solved = torch.linalg.solve(S[..., a[:, None], a] + ridge, blocks)
    found: Tensor = (S - weight * N.diag())[..., a] @ solved  # (h, w, F, s s)
    return found.reshape(h, w, F, s, s).permute(2, 0, 3, 1, 4).reshape(F, h * s, w * s)
