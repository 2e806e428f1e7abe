"""Images of digits as if written by hand, drawn here from strokes: any number, no download."""

import numpy as np

SIZE = 12  # pixels a side
# Strokes in a unit square, x to the right and y down; a digit is one line through these points.
STROKES = {
    0: [(0.5, 0.0), (0.1, 0.3), (0.1, 0.7), (0.5, 1.0), (0.9, 0.7), (0.9, 0.3), (0.5, 0.0)],
    1: [(0.25, 0.25), (0.55, 0.0), (0.55, 1.0)],
    2: [(0.1, 0.25), (0.35, 0.0), (0.75, 0.05), (0.85, 0.35), (0.1, 1.0), (0.9, 1.0)],
    3: [(0.1, 0.05), (0.8, 0.1), (0.8, 0.4), (0.4, 0.5), (0.85, 0.6), (0.8, 0.95), (0.1, 0.95)],
    4: [(0.7, 1.0), (0.7, 0.0), (0.1, 0.65), (0.95, 0.65)],
    5: [(0.85, 0.0), (0.2, 0.0), (0.15, 0.45), (0.7, 0.45), (0.85, 0.75), (0.6, 1.0), (0.1, 0.95)],
    6: [(0.75, 0.0), (0.25, 0.4), (0.1, 0.8), (0.5, 1.0), (0.85, 0.75), (0.5, 0.5), (0.2, 0.65)],
    7: [(0.1, 0.0), (0.9, 0.0), (0.4, 1.0)],
    8: [(0.5, 0.48), (0.15, 0.22), (0.5, 0.0), (0.85, 0.22), (0.5, 0.48), (0.1, 0.76), (0.5, 1.0),
        (0.9, 0.76), (0.5, 0.48)],
    9: [(0.85, 0.3), (0.5, 0.5), (0.15, 0.25), (0.5, 0.0), (0.85, 0.3), (0.8, 0.65), (0.5, 1.0)],
}  # fmt: skip


def draw_digits(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` images (count, 12, 12) f32 from 0 to about 1, and their labels (count,) i32.

    Each is drawn with a hand of its own: points are shaken, the digit is slanted, stretched and
    moved, the pen is thicker or thinner, and there is noise on the paper. Deterministic in `rng`.
    """
    labels = rng.integers(0, 10, count).astype(np.int32)
    images = np.stack([_draw(rng, int(label)) for label in labels])
    return images.astype(np.float32), labels


def _draw(rng: np.random.Generator, digit: int) -> np.ndarray:
    points = np.array(STROKES[digit]) - 0.5
    points = points + rng.normal(0, 0.035, points.shape)
    slant, (width, height) = rng.normal(0, 0.15), rng.uniform([0.45, 0.6], [0.65, 0.8])
    points = np.stack([points[:, 0] * width - slant * points[:, 1], points[:, 1] * height], axis=1)
    points = (points + 0.5 + rng.normal(0, 0.04, 2)) * (SIZE - 1)
    image = np.exp(-((_distances(points) / rng.uniform(0.6, 1.0)) ** 2))
    return image * rng.uniform(0.75, 1.0) + rng.normal(0, 0.08, image.shape)


def _distances(points: np.ndarray) -> np.ndarray:
    """The distance of every pixel (SIZE, SIZE) from the line through the points."""
    y, x = np.mgrid[:SIZE, :SIZE]
    pixels = np.stack([x, y], axis=-1)[:, :, None]  # (SIZE, SIZE, 1, 2)
    begin, along = points[:-1], np.diff(points, axis=0)
    share = ((pixels - begin) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
    nearest = begin + np.clip(share, 0, 1)[..., None] * along
    return np.sqrt(((pixels - nearest) ** 2).sum(-1)).min(axis=-1)
