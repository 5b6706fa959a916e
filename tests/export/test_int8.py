"""The decoder with 8-bit weights, and the error that the manifest states of it."""

import numpy as np
import onnx
import onnxruntime
import pytest

import keras_vaemix as vm
from export.artifact import export_model
from export.compact import round_weights
from export.convert import ExportError
from export.manifest import read_manifest
from tests import catalogue


def decode(path, z):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["x"], {"z": z})[0]


def perceptron():
    posterior, shape = vm.DiagonalNormal(), catalogue.SHAPE
    encoder = vm.networks.gated_mlp(shape, posterior.params_size(8), (64,))
    decoder = vm.networks.gated_mlp((8,), shape, (64, 64))
    return vm.VAE(encoder, decoder, vm.NormalMixture(8, 4), vm.Bernoulli(), posterior)


def test_the_manifest_states_the_error_on_draws_of_the_prior(tmp_path):
    model = perceptron()
    export_model(model, tmp_path / "artifact", ("onnx",), "int8")
    manifest = read_manifest(tmp_path / "artifact", is_whole=True)
    stated, z = manifest["int8"], np.asarray(model.prior.sample(1000, seed=1))
    error = np.abs(decode(tmp_path / "artifact" / stated["file"], z) - decode(tmp_path / "artifact" / "decoder.onnx", z))
    assert 0 < stated["mean_error"] < stated["largest_error"] < 0.1
    assert error.mean() == pytest.approx(stated["mean_error"], rel=0.2)
    assert stated["bytes"] < 0.6 * stated["float32_bytes"]


def test_weights_that_float16_holds_are_quantised_too(tmp_path):
    model = perceptron()
    round_weights(model, 8)
    stated = read_manifest(export_model(model, tmp_path / "artifact", ("onnx",), "int8"), is_whole=True)["int8"]
    quantized = [tensor for tensor in onnx.load(tmp_path / "artifact" / stated["file"]).graph.initializer if len(tensor.dims) > 1]
    assert [tensor.data_type for tensor in quantized] == 3 * [onnx.TensorProto.UINT8]
    assert 0 < stated["mean_error"] < stated["largest_error"] < 0.1
    assert stated["bytes"] < stated["float32_bytes"]


def test_a_model_that_is_conditioned_has_one_too(tmp_path):
    export_model(catalogue.conditioned_vae(), tmp_path / "artifact", ("onnx",), "int8")
    stated = read_manifest(tmp_path / "artifact", is_whole=True)["int8"]
    assert stated["condition"] == "standard normal"
    assert 0 < stated["mean_error"] < stated["largest_error"] < 0.1


def test_a_pixel_decoder_has_none(tmp_path):
    with pytest.raises(ExportError, match=r"Expected a decoder that gives all values at once.*Received: PixelVAE"):
        export_model(catalogue.pixel_vae(), tmp_path / "artifact", ("onnx",), "int8")
    assert not (tmp_path / "artifact").exists()
