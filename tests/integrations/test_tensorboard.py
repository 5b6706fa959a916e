"""What TensorBoard reads of a run that has ended: settings with final figures, and latents with labels and thumbnails."""

import sys
from unittest.mock import MagicMock, call

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.projector import ProjectorConfig

from export.storage.files import write_history, write_json
from keras_vaemix.evaluation import posterior_means
from keras_vaemix.visualization.hparams import write_hparams
from keras_vaemix.visualization.projector import thumbnails, write_projector
from tests import catalogue
from tests.test_docs import PAGES, blocks


def test_settings_and_figures_come_back(tmp_path):
    settings = {"seed": 3, "rate": 1e-3, "start": "umap", "gated": True, "hidden": (8, 8), "patience": None}
    figures = {"elbo": -90.5, "num_samples": 100, "split": "test", "groups": {"first": 2.0}, "dead": 0, "undefined": float("nan")}
    write_hparams(tmp_path, settings, figures, step=7)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    read = metadata.parse_session_start_info_plugin_data(content).hparams
    assert {name: getattr(value, value.WhichOneof("kind")) for name, value in read.items()} == {
        **settings,
        "hidden": "(8, 8)",
        "patience": "None",
    }
    tags = set(events.Tags()["tensors"]) - {metadata.SESSION_START_INFO_TAG}
    written = {tag: events.Tensors(tag)[0] for tag in tags}
    assert {tag: tf.make_ndarray(value.tensor_proto).item() for tag, value in written.items()} == {
        "final/elbo": -90.5,
        "final/groups/first": 2.0,
        "final/dead": 0.0,
    }
    assert {value.step for value in written.values()} == {7}


@pytest.mark.parametrize("labels", [None, np.arange(30) % 3])
def test_the_projector_shows_each_example_at_its_latents(binary, tmp_path, labels):
    model = catalogue.make("VampPrior" if labels is not None else "StandardNormal")
    write_projector(tmp_path, model, binary, labels)
    (embedding,) = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    points, z = np.loadtxt(tmp_path / embedding.tensor_path), posterior_means(model, binary)
    assert list(points.shape) == list(embedding.tensor_shape) == [30, max(3, z.shape[1])]
    np.testing.assert_allclose(points[:, : z.shape[1]], z, rtol=1e-4, atol=1e-6)
    rows = [line.split("\t") for line in (tmp_path / embedding.metadata_path).read_text().splitlines()]
    components = [] if labels is None else model.cluster(binary)
    expected = [[str(i)] for i in range(30)] if labels is None else [["label", "component", "example"]]
    expected += [list(map(str, row)) for row in zip(labels, components, range(30), strict=True)] if labels is not None else []
    assert rows == expected
    picture, (width, height) = np.asarray(Image.open(tmp_path / embedding.sprite.image_path)), embedding.sprite.single_image_dim
    for i in range(30):
        top, left = divmod(i, picture.shape[1] // width)
        cut = picture[top * height : (top + 1) * height, left * width : (left + 1) * width]
        np.testing.assert_array_equal(cut, 255 * binary[i, ..., 0])


def test_thumbnails_of_large_images_are_their_block_means():
    x = np.random.default_rng(0).random((2, 130, 65, 3)).astype("float32")
    small = thumbnails(x)
    assert small.shape == (2, 43, 21, 3)
    np.testing.assert_allclose(small[1, 42, 20, 2], x[1, 126:129, 60:63, 2].mean(), rtol=1e-5)


def test_trackers_are_given_a_whole_run(tmp_path, monkeypatch):
    """The recipes of the guide, with stand-ins for MLflow and Weights & Biases."""
    mlflow, wandb, names = MagicMock(), MagicMock(), {}
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    write_json(tmp_path / "config.json", {"preset": "vae_digits", "arguments": {"latent_dim": 4}})
    write_json(tmp_path / "evaluation.json", {"elbo": -20.5, "split": "test"})
    write_history(tmp_path / "history.csv", [{"epoch": 0, "loss": 3.0}, {"epoch": 1, "loss": 2.0}])
    (recipes,) = [block for block in blocks(PAGES["docs/guides/tensorboard.md"]) if "def read_run" in block]
    exec(recipes, names)
    names["log_to_mlflow"](tmp_path)
    (settings,) = mlflow.log_params.call_args.args
    assert {"preset": "vae_digits", "latent_dim": 4}.items() <= settings.items()
    assert mlflow.log_metrics.call_args_list == [
        call({"epoch": 0.0, "loss": 3.0}, step=0),
        call({"epoch": 1.0, "loss": 2.0}, step=1),
        call({"final/elbo": -20.5}),
    ]
    names["log_to_wandb"](tmp_path)
    run = wandb.init.return_value.__enter__.return_value
    assert wandb.init.call_args.kwargs["config"] == settings
    assert run.log.call_args_list == [call({"epoch": 0.0, "loss": 3.0}, step=0), call({"epoch": 1.0, "loss": 2.0}, step=1)]
    run.summary.update.assert_called_once_with({"final/elbo": -20.5})
