"""Published results with their sources."""

from dataclasses import dataclass

SSPSR = "Jiang et al., SSPSR, IEEE Transactions on Computational Imaging 2020"


@dataclass(frozen=True)
class PublishedResult:
    """One row of a printed table; definitions as in ``shsrd.metrics.DEFINITIONS``.

    Attributes:
        dataset: key in ``PROTOCOLS``.
        scale: scale factor.
        method: as the paper names it.
        mpsnr: dB.
        mssim: 0 to 1.
        sam_deg: degrees.
        ergas: with the true scale factor.
        source: the paper that printed the row.
    """

    dataset: str
    scale: int
    method: str
    mpsnr: float
    mssim: float
    sam_deg: float
    ergas: float
    source: str = SSPSR


PUBLISHED_RESULTS = (
    PublishedResult("cave", 4, "bicubic", 34.72, 0.9277, 4.176, 5.272),
    PublishedResult("cave", 4, "3D-FCNN", 37.98, 0.9522, 3.346, 3.704),
    PublishedResult("cave", 4, "EDSR", 38.16, 0.9522, 3.550, 3.592),
    PublishedResult("cave", 4, "GDRRN", 38.45, 0.9538, 3.414, 3.509),
    PublishedResult("cave", 4, "SAN", 38.72, 0.9531, 3.595, 3.420),
    PublishedResult("cave", 4, "RCAN", 38.76, 0.9530, 3.605, 3.418),
    PublishedResult("cave", 4, "SSPSR", 39.09, 0.9553, 3.185, 3.338),
    PublishedResult("cave", 8, "bicubic", 30.21, 0.8526, 5.896, 4.218),
    PublishedResult("cave", 8, "RCAN", 32.95, 0.8884, 5.977, 3.178),
    PublishedResult("cave", 8, "SAN", 33.00, 0.8888, 5.868, 3.144),
    PublishedResult("cave", 8, "SSPSR", 33.43, 0.9010, 4.487, 3.042),
    PublishedResult("chikusei", 4, "bicubic", 37.64, 0.8949, 3.404, 6.756),
    PublishedResult("chikusei", 4, "SSPSR", 40.36, 0.9413, 2.353, 4.989),
    PublishedResult("pavia_centre", 4, "bicubic", 27.59, 0.6961, 6.140, 6.881),
    PublishedResult("pavia_centre", 4, "SSPSR", 29.16, 0.7903, 5.461, 5.801),
)


def printed(dataset: str, scale: int) -> tuple[PublishedResult, ...]:
    """Printed rows of a data set at a scale, worst MPSNR first; empty where none is known.

    Example:
        >>> [row.method for row in printed("cave", 8)]
        ['bicubic', 'RCAN', 'SAN', 'SSPSR']
    """
    rows = [row for row in PUBLISHED_RESULTS if (row.dataset, row.scale) == (dataset, scale)]
    return tuple(sorted(rows, key=lambda row: row.mpsnr))
