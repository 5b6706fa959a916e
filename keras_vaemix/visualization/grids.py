"""Grids of images with captions: one way for every picture that is made of images."""

import math
import textwrap
from typing import Any, NamedTuple

import numpy as np

SIDE = 64  # pixels to which the longer side of an image is enlarged at least
GAP = 2  # pixels between images
LARGE, SMALL = 14, 12  # sizes of the title and of other captions, in pixels
MISSING = (0.9, 0.3, 0.3)  # colour of missing values
FAR = 0.5  # from [0, 1]: images with values beyond are drawn on a scale of their own


class Grid(NamedTuple):
    """Images in rows and columns, and captions that say what they are.

    Attributes:
        images: Images [N, H, W, C], row by row; the last row may be shorter. Values are drawn from 0 to 1 or, if some are far outside,
            from the least to the greatest of them, as the title then says. NaN is drawn in red.
        num_columns: Number of images in a row.
        title: What the grid shows.
        rows: A caption for each row, or none.
        columns: A caption for each column, or none.
    """

    images: Any
    num_columns: int
    title: str
    rows: tuple = ()
    columns: tuple = ()

    def zoom(self):
        """Returns the factor by which images are enlarged: their longer side is `SIDE` pixels or more."""
        return -(-SIDE // max(np.shape(self.images)[1:3]))

    def picture(self):
        """Returns the grid with its captions as a picture [H', W', 3]; the images end at its right and lower edges."""
        from PIL import Image, ImageDraw

        images, scale = in_unit(self.images)
        images = images.repeat(self.zoom(), axis=1).repeat(self.zoom(), axis=2)
        height, width = (size + GAP for size in images.shape[1:3])
        pixels = tiled(images, self.num_columns, GAP)
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))  # grey ones too
        small, large = caption_font(SMALL), caption_font(LARGE)
        left = max((math.ceil(small.getlength(line)) + 8 for text in self.rows for line in text.splitlines()), default=0)
        gaps = np.isnan(pixels)
        notes = [scale] * bool(scale) + ["red: missing"] * bool(gaps.any())
        pixels, title = np.where(gaps, MISSING, pixels), f"{self.title} ({', '.join(notes)})" if notes else self.title
        letter = 1.05 * large.getlength(title) / len(title)  # width of a letter, and a margin for uneven lines
        title = textwrap.fill(title, max(12, int((left + pixels.shape[1]) / letter)))
        below = (title.count("\n") + 1) * (LARGE + 4) + 4
        top = below + (SMALL + 8 if self.columns else 0)
        canvas = Image.new("RGB", (left + pixels.shape[1], top + pixels.shape[0]), "white")
        canvas.paste(Image.fromarray(np.round(255 * pixels).astype("uint8")), (left, top))
        draw = ImageDraw.Draw(canvas)
        draw.text((2, 2), title, "black", large)
        for i, text in enumerate(self.rows):
            draw.text((left - 6, top + (i + 0.5) * height), text, "black", small, anchor="rm", align="right")
        for j, text in enumerate(self.columns):
            draw.text((left + (j + 0.5) * width, below + SMALL / 2), text, "black", small, anchor="mm")
        return np.asarray(canvas).astype("float32") / 255


def in_unit(images):
    """Returns images [N, H, W, C], of which those with values far outside [0, 1] are scaled to it, and how they were, as text."""
    images = np.asarray(images, "float32")
    finite = images[np.isfinite(images)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 1)
    if -FAR <= low <= high <= 1 + FAR:
        return images, ""
    return (images - low) / max(high - low, FAR), f"values from {low:.3g} to {high:.3g}"


def caption_font(size):
    """Returns the font of captions: that of Matplotlib's figures, which comes with it."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def tiled(images, num_columns, gap=1):
    """Returns images [N, H, W, C] arranged in rows as one image [H', W', C], with white gaps."""
    images = np.clip(np.asarray(images, "float32"), 0, 1)
    n, height, width, num_channels = images.shape
    num_rows = -(-n // num_columns)
    canvas = np.ones((num_rows, height + gap, num_columns, width + gap, num_channels), "float32")
    for i, image in enumerate(images):
        canvas[i // num_columns, :height, i % num_columns, :width] = image
    whole = canvas.reshape(num_rows * (height + gap), num_columns * (width + gap), num_channels)
    return whole[: len(whole) - gap, : whole.shape[1] - gap]
