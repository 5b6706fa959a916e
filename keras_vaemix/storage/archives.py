"""Files of arrays from anywhere: what they declare is checked before any of it is given memory."""

import io
import json
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_vaemix.core.part import require

PLAIN_BYTES = 2**28  # a file may hold so much, however small it is
MAX_EXPANSION = 100  # or so many times its size: arrays that are worth training on do not shrink to less than a hundredth


def check_arrays(path, max_bytes=None):
    """Raises `ValueError` unless every array of an .npz file is as large as its header says, and the file is no decompression bomb.

    Args:
        path: The file.
        max_bytes: Limit of all arrays together; None for none but that of `check_members`.
    """
    with zipfile.ZipFile(path) as archive:
        total = check_members(archive, path)
        require(max_bytes is None or total <= max_bytes, f"arrays of at most {max_bytes} bytes", bytes=total)
        for member in archive.infolist():
            check_header(archive, member)


def check_members(archive, path):
    """Returns the bytes of all members of a zip file; raises `ValueError` if they are more than a file of its size holds honestly."""
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
    """Raises `ValueError` for a .keras file of which a member, an array or a layer would grow like a bomb."""
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
    with ThreadPoolExecutor(1) as thread:  # Keras initialises later what was put off in a thread, but of this one there is no later
        declared = thread.submit(size_of_weights, config).result()
    is_bounded = declared <= PLAIN_BYTES or declared <= stored
    require(is_bounded, f"layers whose weights are those that are stored, {stored} bytes", declared=declared)


def size_of(name, array, size):
    """Returns the bytes of an array in an HDF5 file of so many; raises `ValueError` if it declares far more than can be stored there."""
    declared = math.prod(array.shape) * array.dtype.itemsize
    require(declared <= PLAIN_BYTES or declared <= MAX_EXPANSION * size, f"an array that fits {size} bytes", array=name, declared=declared)
    return declared


def size_of_weights(config):
    """Returns the bytes of a model's weights by its configuration: it is made with variables that have shapes and no values."""
    import keras
    import tensorflow as tf

    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(uncompiled(config), safe_mode=True)
        return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in model.variables)


def uncompiled(config):
    """Returns a configuration of a model, and of those in it, without their optimizers."""
    if isinstance(config, dict):
        return {key: uncompiled(value) for key, value in config.items() if key != "compile_config"}
    return [uncompiled(value) for value in config] if isinstance(config, list) else config
