"""Files of arrays from anywhere: what they declare is checked before any of it is given memory."""

import io
import math
import zipfile

import numpy as np

from keras_vaemix.part import require

PLAIN_BYTES = 2**28  # below it a member may be as compressible as it likes
MAX_EXPANSION = 100  # above it: arrays that are worth training on do not shrink to less than a hundredth


def check_arrays(path, max_bytes=None):
    """Raises `ValueError` unless every array of an .npz file is as large as its header says, and none is a decompression bomb.

    Args:
        path: The file.
        max_bytes: Limit of all arrays together; None for none but that of `check_members`.
    """
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        total = sum(member.file_size for member in check_members(archive))
        if max_bytes is not None:
            require(total <= max_bytes, f"arrays of at most {max_bytes} bytes", bytes=total)
        for member in archive.infolist():
            check_header(archive, member)


def check_members(archive):
    """Returns the members of a zip file; raises `ValueError` for one that would grow to more than `MAX_EXPANSION` times what it takes."""
    for member in archive.infolist():
        is_plain = member.file_size <= PLAIN_BYTES or member.file_size <= MAX_EXPANSION * member.compress_size
        expected = f"no member of more than {PLAIN_BYTES // 2**20} MiB to be compressed more than {MAX_EXPANSION}-fold"
        require(is_plain, expected, member=member.filename, bytes=member.file_size, compressed=member.compress_size)
    return archive.infolist()


def check_header(archive, member):
    """Raises `ValueError` unless an .npy file in a zip file is as long as the array that its header declares."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        require(read is not None, "an .npy header of version 1.0 or 2.0", member=member.filename, version=version)
        shape, _, dtype = read(file)
        require(not dtype.hasobject, "plain arrays, no pickled objects", member=member.filename, dtype=str(dtype))
        declared = math.prod(shape) * dtype.itemsize
        is_whole = min(shape, default=0) >= 0 and file.tell() + declared == member.file_size
        require(is_whole, f"{member.file_size - file.tell()} bytes, as there are", member=member.filename, shape=shape, dtype=str(dtype))


def check_keras_file(path):
    """Raises `ValueError` for a .keras file of which a member, or an array of its weights, would grow like a bomb."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        weights = [member for member in check_members(archive) if member.filename.endswith(".h5")]
        for member in weights:
            with h5py.File(io.BytesIO(archive.read(member)), "r") as file:
                file.visititems(lambda name, item, size=member.file_size: check_dataset(name, item, size))


def check_dataset(name, item, size):
    """Raises `ValueError` for an array in an HDF5 file of so many bytes that declares far more than can be stored there."""
    declared = math.prod(getattr(item, "shape", None) or ()) * getattr(getattr(item, "dtype", None), "itemsize", 0)
    require(declared <= PLAIN_BYTES or declared <= MAX_EXPANSION * size, f"an array that fits {size} bytes", array=name, declared=declared)
