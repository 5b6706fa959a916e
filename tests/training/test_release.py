"""The bundled models are made of runs by one command: their weights are rounded, and then evaluated."""

import numpy as np
import onnx
import pytest

import keras_vaemix as vm
from export.compact import LARGE
from export.storage.files import read_json
from keras_vaemix.storage.loading import load_model
from training import release


@pytest.mark.slow
def test_a_run_is_released(main, judging_alone, without_xla, tmp_path, capsys, monkeypatch, digits):
    run, out = tmp_path / "run", tmp_path / "packages"
    assert main("vae_digits", "--epochs", 1, "--likelihood-samples", 10, "--run-dir", run) == (0, "")
    arguments = [str(run), "--out", str(out), "--num-samples", "20", "--likelihood-examples", "10"]
    assert release.main(arguments) == 0
    assert capsys.readouterr().out.split()[0] == "vae_digits"
    model, before = vm.from_package(out / "vae_digits"), load_model(run / "model.keras")
    for received, expected in zip(model.get_weights(), before.get_weights(), strict=True):
        exact = expected.size < LARGE
        # Half of the last of eight bits, whose value is 2^-7 of the first; and half of the steps of float16 near zero.
        np.testing.assert_allclose(received, expected, rtol=0 if exact else 2.0**-8, atol=0 if exact else 2.0**-25)
    assert any(not np.array_equal(*both) for both in zip(model.get_weights(), before.get_weights(), strict=True))
    evaluation, config = (read_json(out / "vae_digits" / f"{name}.json") for name in ("evaluation", "config"))
    report = vm.evaluation.report(model, digits.arrays("test", model.support), 20, 10)
    for name in ("elbo", "elbo_se", "log_likelihood", "log_likelihood_se"):
        assert evaluation[name] == pytest.approx(report[name], abs=1e-4)
    assert (config["epochs_trained"], config["significant_bits"], config["stopped"]) == (1, 8, "unfinished")
    assert "- Training is unfinished: it stopped after 1 epochs" in (out / "vae_digits" / "README.md").read_text()
    graph = onnx.load(out / "vae_digits" / "decoder.onnx").graph
    assert {tensor.data_type for tensor in graph.initializer if np.prod(tensor.dims) >= LARGE} == {onnx.TensorProto.FLOAT16}
    monkeypatch.setattr("training.jobs.release.MAX_BYTES", 1000)
    assert release.main(arguments) == 1
    assert "Expected at most 1000 bytes in" in capsys.readouterr().err
    monkeypatch.setattr("training.jobs.release.DATA", ("mnist",))
    assert release.main(arguments) == 1
    assert "error: Expected runs on mnist. Received: run=" in capsys.readouterr().err
