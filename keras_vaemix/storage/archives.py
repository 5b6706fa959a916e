"""Array files from untrusted sources: what they declare is checked before memory is allocated for it."""

import io
import json
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_vaemix.core.part import require

PLAIN_BYTES = 2**28  # any file may hold this much, however small it is
MAX_EXPANSION = 100  # or this many times its size: arrays that are worth training on do not compress more than a hundredfold


def check_arrays(path, max_bytes=None):
    """Raises `ValueError` if an array in an .npz file is not as large as its header says, or the file is a decompression bomb.

    Args:
        path: The file.
        max_bytes: Limit on the size of all arrays together; if None, only that of `check_members` applies.
    """
    with zipfile.ZipFile(path) as archive:
        total = check_members(archive, path)
        require(max_bytes is None or total <= max_bytes, f"arrays of at most {max_bytes} bytes", bytes=total)
        for member in archive.infolist():
            check_header(archive, member)


def check_members(archive, path):
    """Returns the total bytes of all members of a zip file; raises `ValueError` if an honest file of its size would not hold so much."""
    total, size = sum(member.file_size for member in archive.infolist()), Path(path).stat().st_size
    expected = f"at most {PLAIN_BYTES // 2**20} MiB, or {MAX_EXPANSION} times its {size} bytes, in the whole file"
    require(total <= max(PLAIN_BYTES, MAX_EXPANSION * size), expected, bytes=total)
    return total


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
    """Raises `ValueError` if a member, an array or a layer of a .keras file would expand far beyond the file's size."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        check_members(archive, path)
        stored = 0
        for member in (member for member in archive.infolist() if member.filename.endswith(".h5")):
            with h5py.File(io.BytesIO(archive.read(member)), "r") as file:
                arrays = []
                file.visititems(lambda name, item, arrays=arrays: arrays.append((name, item)) if isinstance(item, h5py.Dataset) else None)
                stored += sum(size_of(name, item, member.file_size) for name, item in arrays)
        config = json.loads(archive.read("config.json"))
    with ThreadPoolExecutor(1) as thread:  # Keras initialises deferred variables later in the same thread; this thread ends first
        declared = thread.submit(size_of_weights, config).result()
    is_bounded = declared <= PLAIN_BYTES or declared <= stored
    require(is_bounded, f"layers with no more weights than are stored, {stored} bytes", declared=declared)


def size_of(name, array, size):
    """Returns the bytes of an array in an HDF5 file of `size` bytes; raises `ValueError` if it declares far more than fit there."""
    declared = math.prod(array.shape) * array.dtype.itemsize
    require(declared <= PLAIN_BYTES or declared <= MAX_EXPANSION * size, f"an array that fits {size} bytes", array=name, declared=declared)
    return declared


def size_of_weights(config):
    """Returns the bytes of a model's weights from its configuration, by building it with variables that have shapes but no values."""
    import keras
    import tensorflow as tf

    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(uncompiled(config), safe_mode=True)
        return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in model.variables)


def uncompiled(config):
    """Returns the configuration of a model, and of models within it, without their optimizers."""
    if isinstance(config, dict):
        return {key: uncompiled(value) for key, value in config.items() if key != "compile_config"}
    return [uncompiled(value) for value in config] if isinstance(config, list) else config
