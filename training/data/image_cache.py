"""Decoded images of large sets, kept on disk between runs and memory-mapped from there."""

import hashlib
import json
import math
import shutil

import numpy as np

from export.storage.files import atomically, cache_root, write_json
from keras_vaemix.core.part import require
from training.data import rows

DECODING = 2  # version of the decoding; changes with its results


def cached(path, files, shape, decode, noted):
    """Returns decoded images and notes on them; more than `rows.LARGE` bytes of images are a read-only memory map, fewer an array.

    The former are decoded only if they are not in the cache. They are kept in its folder images, which may be removed whenever no run
    uses it. A folder is identified by the names, sizes and times of its files: after a change it is decoded again.

    Args:
        path: The folder.
        files: Its files.
        shape: Shape of the images, [N, H, W, 3].
        decode: Function that writes the images into an 8-bit array of this shape and returns notes, a dict that JSON can hold.
        noted: Names of the notes.

    Raises:
        ValueError: There is no room for them, there are no files to identify them by, or the cached file is damaged.
    """
    if math.prod(shape) <= rows.LARGE:
        images = np.empty(shape, "uint8")
        return images, decode(images)
    require(files, "files of a large set on this machine, by which its decoded images are identified: copy them to it", folder=str(path))
    kept = cache_root() / "images" / f"{key_of(path, files, shape)}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        check_room(kept.parent, math.prod(shape))
        with atomically(kept) as temporary:
            # The notes come first: where there are images, there are notes.
            write_json(kept.with_suffix(".json"), decode_into(temporary, shape, decode))
    try:
        images, notes = np.load(kept, mmap_mode="r", allow_pickle=False), json.loads(kept.with_suffix(".json").read_text())
        if (images.shape, images.dtype) != (shape, np.uint8):
            raise ValueError(f"shape {images.shape}, dtype {images.dtype}")
        if not isinstance(notes, dict) or set(notes) != set(noted):
            raise ValueError(f"notes without {', '.join(noted)} beside it")
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"Expected the decoded images of {path} in {kept}: remove the file to decode again. Received: {error}") from error
    return images, notes


def key_of(path, files, shape):
    """Returns a hash of what the decoded images depend on: the files, the size, how they are decoded, and Pillow."""
    import PIL

    stats = [(file.relative_to(path).as_posix(), file.stat()) for file in files]
    described = json.dumps([DECODING, PIL.__version__, shape, [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]])
    return hashlib.sha256(described.encode()).hexdigest()


def check_room(folder, size):
    """Raises `ValueError` unless a file of this size fits: a process that writes to a memory map without room is killed."""
    free = shutil.disk_usage(folder).free
    room = f"room for {size / 2**30:.3g} GiB of decoded images in {folder}: make some, or let VAEMIX_CACHE name another folder"
    require(size <= free, room, free=f"{free / 2**30:.3g} GiB")


def decode_into(file, shape, decode):
    """Writes a whole .npy file of decoded images and returns the notes; the map is closed on return."""
    images = np.lib.format.open_memmap(file, "w+", "uint8", shape)
    notes = decode(images)
    images.flush()
    return notes
