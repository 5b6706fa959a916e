"""Folders of images: resized and converted to RGB; unreadable files are skipped, up to a limit."""

import functools
import sys
import warnings
from collections import Counter
from pathlib import PurePosixPath

import numpy as np

from keras_vaemix.core.part import check_positive, require
from training.data.image_cache import cached

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # Pillow tries no others, some of which start programs, whatever a file's name
IMAGES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff")
HIDDEN = ("__MACOSX", "@eaDir")  # besides names that begin with a dot: what operating systems and programs leave in folders
MAX_SKIPPED_SHARE = 0.01
NUM_NAMED = 5
TURNS = {  # by EXIF tag Orientation, the operation that turns an image upright
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
GREY = ("1", "L", "LA", "La")
DEEP = ("I", "F")  # and I;16: more than 8 bits per value
MAX_PIXELS = 2**26  # of an image before it is resized, so that one file does not fill the memory


def read_images(path, image_size):
    """Returns the images below `path` as 8-bit RGB [N, image_size, image_size, 3], and the folder of each, relative to `path`.

    Grey images are repeated over the channels and transparent ones laid on white, as reported on standard error. Files that are not
    whole images are named there and skipped, up to one in a hundred, or one; those without the suffix of an image are counted. Hidden
    files and folders are ignored, and links are followed. More than `rows.LARGE` bytes are cached on disk and mapped from there; see
    `image_cache.cached`.

    Raises:
        FileNotFoundError: There is no such folder, or none of its files has the suffix of an image.
        ValueError: More files than that cannot be read, or none can, or a link is broken or leads to a folder that contains it.
    """
    check_positive(image_size=image_size)
    files, others = image_files(path)
    shape = (len(files), image_size, image_size, 3)
    images, notes = cached(path, files, shape, functools.partial(decode, path, files), ["kept", "skipped", "converted"])
    kept = notes["kept"]
    if others:
        print(f"left out what is not named like an image in {path}: {len(others)} files, such as {others[0].name}", file=sys.stderr)
    tell(path, notes["skipped"], notes["converted"], len(files))
    return {"x": images[: len(kept)], "folder": np.array([PurePosixPath(name).parent.as_posix() for name in kept])}


def decode(path, files, images):
    """Writes the readable images to the start of `images` [N, H, W, 3], and returns their names and what is to be reported."""
    limit = max(1, int(MAX_SKIPPED_SHARE * len(files)))
    kept, skipped, converted = [], [], Counter()
    for file in files:
        name = file.relative_to(path).as_posix()
        try:
            images[len(kept)], kinds = read_image(file, images.shape[1])
        except Exception as error:  # of any kind: Pillow has many for damaged images
            skipped.append((name, str(error) or type(error).__name__))
            if len(skipped) > limit:
                break
            continue
        kept.append(name)
        converted.update(kinds)
    check_skipped(path, skipped, limit, len(files), len(kept))
    return {"kept": kept, "skipped": skipped, "converted": converted}


def image_files(path):
    """Returns the files below `path` with the suffix of an image, in the order of their relative paths, and the others."""
    if not path.is_dir():
        raise FileNotFoundError(f"Expected a folder with images ({', '.join(IMAGES)}). Received: {path}, not a folder")
    files = sorted(visible_files(path))
    images = [file for file in files if file.suffix.lower() in IMAGES]
    others = [file for file in files if file.suffix.lower() not in IMAGES]
    if not images:
        received = f"{len(others)} other files, such as {others[0].name}" if others else "an empty folder"
        raise FileNotFoundError(f"Expected a folder with images ({', '.join(IMAGES)}). Received: {path}, {received}")
    return images, others


def visible_files(path, above=()):
    """Yields the files below `path`, also through links to folders, except those that are hidden or in hidden folders."""
    place = path.resolve()
    require(place not in above, "links to folders that do not lead back to one above them: remove the link", link=str(path))
    for entry in path.iterdir():
        if entry.name.startswith(".") or entry.name in HIDDEN:
            continue
        if entry.is_dir():
            yield from visible_files(entry, (*above, place))
        elif entry.is_file():
            yield entry
        else:
            require(entry.exists(), "links that lead to a file or a folder: mend or remove the link", link=str(entry))


def read_image(file, image_size):
    """Returns the middle square of an image, [image_size, image_size, 3], and what it was: "grey", "transparent" or "RGB", and "turned".

    A camera held upright stores the image on its side, and says in the EXIF tag Orientation how to turn and mirror it.
    """
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about more pixels than MAX_PIXELS, and about damaged EXIF tags
        opened = Image.open(file, formats=FORMATS)
    with opened as image:
        require(image.width * image.height <= MAX_PIXELS, f"at most {MAX_PIXELS} pixels", size=image.size)
        if image.mode.split(";")[0] in DEEP:
            raise ValueError(f"mode {image.mode}, more than 8 bits per value: convert it")
        image.load()  # turns a TIFF file itself, and then leaves no tag
        turn = turn_of(image)
        kind = "transparent" if image.has_transparency_data else "grey" if image.mode in GREY else "RGB"
        if kind == "transparent":
            colour = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
        image = image.convert("RGB")
        upright = image if turn is None else image.transpose(Image.Transpose[turn])
        square = ImageOps.fit(upright, (image_size, image_size), Image.Resampling.LANCZOS)
        return np.asarray(square), [kind] if turn is None else [kind, "turned"]


def turn_of(image):
    """Returns the turn that an image's EXIF tag Orientation asks for, or None if there is none or the tags are damaged."""
    from PIL import ExifTags

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
        except Exception:  # of any kind: Pillow has many
            return None


def check_skipped(path, skipped, limit, num_files, num_kept):
    """Raises `ValueError` if too many files were skipped, or all."""
    if len(skipped) > limit or not num_kept:
        names = "; ".join(f"{path / name}: {error}" for name, error in skipped[:NUM_NAMED])
        raise ValueError(
            f"Expected at most {limit} of the {num_files} files in {path} to be damaged, and not all: remove or replace them. "
            f"Received: {names}"
        )


def tell(path, skipped, converted, num_files):
    """Reports once on standard error what was skipped and what was converted."""
    for name, error in skipped:
        print(f"skipped {path / name}, not a whole image: {error}", file=sys.stderr)
    if skipped:
        print(f"skipped {len(skipped)} of {num_files} files in {path}", file=sys.stderr)
    kinds = [f"{converted[kind]} {kind}" for kind in ("grey", "transparent") if kind in converted]
    if kinds:
        print(f"converted {' and '.join(kinds)} of {num_files} images in {path} to RGB", file=sys.stderr)
    if "turned" in converted:
        print(f"turned {converted['turned']} of {num_files} images in {path} upright, as their EXIF orientation says", file=sys.stderr)
