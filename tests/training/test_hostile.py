"""Files from strangers: none runs code, none fills the memory, and each that is not what it says is one clear error."""

import io
import json
import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from export.manifest import read_manifest
from keras_vaemix.storage import archives
from keras_vaemix.storage.archives import check_arrays
from keras_vaemix.storage.loading import load_model
from tests import catalogue
from tests.checks import fuzz
from training import data
from training.data import images

ROOT = Path(__file__).parents[2]
GIB = 2**30


def header(shape, dtype="|u1"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def write_zip(path, members):
    """Writes members, of which an integer is so many zero bytes, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, parts in members.items():
            with archive.open(name, "w", force_zip64=True) as file:
                for part in parts:
                    if isinstance(part, int):
                        for _ in range(part // 2**20):
                            file.write(bytes(2**20))
                    else:
                        file.write(part)


def png(width, height):
    """Returns the start of a PNG file of so many pixels."""
    chunk = lambda kind, d: struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d))  # noqa: E731
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


BOMBS = {
    "declares.npz": {"x.npy": [header((2**40,))]},
    "overflows.npz": {"x.npy": [header((2**62, 2**62))]},
    "negative.npz": {"x.npy": [header((-1, 4)), bytes(4)]},
    "long.npz": {"x.npy": [header((2, 2)), bytes(100)]},
    "bomb.npz": {"x.npy": [header((GIB // 2,)), GIB // 2]},
    "many.npz": {f"x{i}.npy": [header((2**26,)), 2**26] for i in range(5)},
}


@pytest.mark.parametrize("name", BOMBS)
def test_arrays_larger_than_their_file_are_refused_unread(name, tmp_path):
    write_zip(tmp_path / name, BOMBS[name])
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"Expected .*{name} to be a whole \.npz file"):
        data.load(f"npz:{tmp_path / name}")
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


def test_honest_arrays_are_read_and_a_limit_is_kept(tmp_path):
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros((1000, 28, 28), "uint8"))
    assert data.load(f"npz:{tmp_path / 'zeros.npz'}").shape == (28, 28, 1)
    check_arrays(tmp_path / "zeros.npz", max_bytes=10**6)
    with pytest.raises(ValueError, match="arrays of at most 1000 bytes"):
        check_arrays(tmp_path / "zeros.npz", max_bytes=1000)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("size", [(9000, 9000), (12_000, 12_000), (60_000, 60_000)])
def test_images_of_too_many_pixels_are_refused_undecoded(name, size, tmp_path):
    (tmp_path / name).write_bytes(png(*size))
    with pytest.raises(ValueError, match=r"and not all: .*(at most 67108864 pixels|decompression bomb)"):
        images.read_images(tmp_path, 4)


def test_formats_that_start_programs_are_not_tried(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(ValueError, match="cannot identify image file"):
        images.read_images(tmp_path, 4)


def keras_file(path, config, weights=b"", more=None):
    members = {"config.json": [config], "metadata.json": [b"{}"], "model.weights.h5": [weights], **(more or {})}
    write_zip(path, members)
    return path


def dense(units):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    return json.dumps(keras.saving.serialize_keras_object(model)).encode()


def huge_dense():
    """Returns the configuration of a layer that would take terabytes."""
    return dense(3).replace(b'"units": 3', b'"units": 1000000000000')


def h5_of(shape, **storage):
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5.create_dataset("layers/dense/vars/0", shape, "float32", **storage)
    return file.getvalue()


def h5_bomb():
    return h5_of((2**20, 2**12), chunks=(2**10, 2**10), compression="gzip")


def test_code_in_a_model_is_not_run(tmp_path):
    layer = keras.layers.Lambda(lambda x: 1 / 0 * x, output_shape=(2,))
    keras.Sequential([keras.Input((2,)), layer]).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"to be a whole Keras model\. Received: .*lambda"):
        load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("kind", ["bomb", "weights", "layers", "truncated", "magic", "class", "folder"])
def test_hostile_models_are_one_error(kind, tmp_path):
    path = tmp_path / "model.keras"
    if kind == "bomb":
        keras_file(path, dense(3), more={"assets/x": [GIB // 2]})
    elif kind == "weights":
        keras_file(path, dense(3), h5_bomb())
    elif kind == "layers":
        keras_file(path, huge_dense(), h5_of((2, 3)))
    elif kind == "truncated":
        path.write_bytes(keras_file(tmp_path / "whole.keras", dense(3), bytes(1000)).read_bytes()[:-30])
    elif kind == "magic":
        path.write_bytes(b"\x80\x04\x95 a pickle")
    elif kind == "class":
        keras_file(
            path, json.dumps({"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": None}).encode()
        )
    else:
        path.mkdir()
    tracemalloc.start()
    expected = r"layers with no more weights than are stored, 24 bytes" if kind == "layers" else ""
    with pytest.raises((ValueError, FileNotFoundError), match=rf"Expected .*model.*{expected}"):
        load_model(path)
    with keras.StatelessScope():
        pass  # at its end Keras initialises what it has put off
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["prior-VampPrior", "model-TwoStageVAE", "autoencoder-flex", "GAMIXVAE-fitted", "PixelHierarchicalVAE"])
def test_whole_models_are_loaded_however_large(name, tmp_path, monkeypatch):
    catalogue.EVERY_MODEL[name]().save(tmp_path / "model.keras")
    monkeypatch.setattr(archives, "PLAIN_BYTES", 0)
    load_model(tmp_path / "model.keras")


def test_nothing_unpickles_or_evaluates():
    modules = r"(?:import|from) (?:pickle|joblib|dill|shelve|marshal|cloudpickle)\b"
    unsafe = r"allow_pickle=True|safe_mode=False|enable_unsafe_deserialization|yaml\.load\("
    forbidden = re.compile(rf"{modules}|{unsafe}|(?<![.\w])(?:eval|exec)\(")
    for folder in ("keras_vaemix", "training", "export"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not forbidden.findall(path.read_text()), path


MANIFESTS = [
    ({"sha256": {"sampler.onnx": "0" * 64}}, "sampler.onnx with sha256 0000"),
    ({"sha256": {"../x": "0" * 64}}, "names of files in the artifact folder. Received: ../x"),
    ({"sha256": {"/etc/passwd": "0" * 64}}, "names of files in the artifact folder"),
    ({"sha256": {"sampler.onnx": 3}}, "hashes of 64 digits"),
    ({"sha256": []}, "sha256, an object"),
    ({"num_components": 2.5}, "num_components, an integer"),
    ({"num_components": True}, "num_components, an integer"),
    ({"x_shape": [2**40]}, "x_shape, a list of sizes"),
    ({"x_shape": []}, "x_shape, a list of sizes. Received: []"),
    ({"noise": {"eps": {"family": "Normal", "df": None, "size": 2**40}}}, "noise with a size"),
    ({"noise": {"eps": {"family": "system", "df": None, "size": 3}}}, "noise of a family among Normal"),
    ({"noise": {"eps": {"family": "StudentT", "df": -1, "size": 3}}}, "degrees of freedom"),
    ({"noise": None}, "noise, an object"),
    ({"latents": {}}, "latents, an object"),
    ({"latents": {"z.z": 3}}, "latents by name"),
    ({"latents": {"z": 2**40}}, "latents by name"),
    ({"component_weights": [float("nan")] * 4}, "component_weights, a list of numbers from 0 to 1"),
    ({"component_weights": [0.0] * 4}, "component_weights, a list of numbers from 0 to 1"),
    ({"component_weights": [0.5] * 2}, "component_weights, one for each component"),
    ({"decoder": None}, "decoder, a name"),
]


@pytest.mark.parametrize(("change", "message"), MANIFESTS)
def test_manifests_are_checked(change, message, tmp_path):
    manifest = fuzz.artifact(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert read_manifest(tmp_path, is_whole=True) == manifest
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ValueError, match=re.escape(message)):
        read_manifest(tmp_path)
    for missing in change:
        (tmp_path / "manifest.json").write_text(json.dumps({key: value for key, value in manifest.items() if key != missing}))
        with pytest.raises(ValueError, match=f"Received: one without {missing}"):
            read_manifest(tmp_path)


def test_graph_that_is_none_and_samples_without_end(tmp_path, capsys):
    import export.sample

    manifest = fuzz.artifact(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert export.sample.main([str(tmp_path), "--num", "1000000000", "--out", str(tmp_path / "x.npy")]) == 1
    assert "draw fewer samples at once" in capsys.readouterr().err
    (tmp_path / "sampler.onnx").write_bytes(b"no graph")
    digest = "8c87d62dc3a3ebdab1bd8dd1df2b7c0b5fe6bb0a0e3d12e3e0ba0c9f8a9a7cde"
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "sha256": {"sampler.onnx": digest}}))
    assert export.sample.main([str(tmp_path), "--out", str(tmp_path / "x.npy")]) == 1
    digest = re.search(r"Received: (\w{64})", capsys.readouterr().err)[1]
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "sha256": {"sampler.onnx": digest}}))
    assert export.sample.main([str(tmp_path), "--out", str(tmp_path / "x.npy")]) == 1
    assert "to be an ONNX graph" in capsys.readouterr().err


BOUNDED = """
import resource, sys
from pathlib import Path
from training import data
from training.data import images
from keras_vaemix.storage.loading import load_model
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2)
for path in map(Path, sys.argv[1:]):
    try:
        if path.suffix == ".keras":
            load_model(path)
        else:
            data.load(f"npz:{path}" if path.suffix == ".npz" else f"folder:{path}", image_size=4)
    except ValueError as error:
        print(type(error).__name__, str(error)[:30])
    else:
        raise SystemExit(f"{path} was read")
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc: Linux only")
def test_memory_stays_bounded(tmp_path):
    for name, members in BOMBS.items():
        write_zip(tmp_path / name, members)
    keras_file(tmp_path / "bomb.keras", dense(3), more={"assets/x": [GIB // 2]})
    keras_file(tmp_path / "weights.keras", dense(3), h5_bomb())
    keras_file(tmp_path / "layers.keras", huge_dense(), h5_of((2, 3)))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(png(60_000, 60_000))
    paths = [str(path) for path in tmp_path.iterdir()]
    result = subprocess.run([sys.executable, "-c", BOUNDED, *paths], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("ValueError Expected") == len(paths)
