"""Training on a few labels: which are kept, and a run that reports its accuracy."""

import numpy as np
import pytest

from export.storage.files import read_json
from keras_vaemix.core import supports
from training.data.labels import balanced
from training.data.splits import Data, Split


def test_labels_that_are_kept_are_balanced_and_a_function_of_the_seed():
    labels = np.arange(100) % 3
    kept = balanced(labels, 7, 1)
    assert [np.sum(kept == k) for k in (-1, 0, 1, 2)] == [93, 3, 2, 2]
    np.testing.assert_array_equal(kept[kept >= 0], labels[kept >= 0])
    np.testing.assert_array_equal(balanced(labels, 7, 1), kept)
    assert np.any(balanced(labels, 7, 2) != kept)
    assert np.sum(balanced(labels, 100, 0) >= 0) == 100
    for num in (2, 101):
        with pytest.raises(ValueError, match=f"--num-labels from 3 to 100: as many of each of 3 classes.*rarest has 33.*num_labels={num}"):
            balanced(labels, num, 0)


def test_batches_bring_the_labels_of_their_examples():
    x = np.arange(20, dtype="float32")[:, None] / 20
    data = Data("line", *[Split(x, np.arange(20) % 2)] * 3, supports.UNIT_INTERVAL)
    labels = data.few_labels(6, 0)
    x, y = next(data.batches(20, supports.UNIT_INTERVAL, 0, labels=labels).as_numpy_iterator())
    np.testing.assert_array_equal(y, labels[np.round(x[:, 0] * 20).astype(int)])
    assert data.few_labels(0, 0) is None


@pytest.mark.slow
def test_a_run_learns_from_labels_and_goes_on_to_the_same_bits(main, judging_alone, without_xla, tmp_path):
    flags = ["cp_vae_digits", "--pretraining", 0, "--num-components", 10, "--num-labels", 50, "--latent-dim", 3, "--likelihood-samples", 10]
    for folder, stops in ((tmp_path / "whole", [6]), (tmp_path / "resumed", [2, 6])):
        for epochs in stops:
            assert main(*flags, "--epochs", epochs, "--run-dir", folder, *(["--resume"] if folder.exists() else [])) == (0, "")
    figures = read_json(tmp_path / "whole" / "evaluation.json")
    assert figures["accuracy"] > 0.3
    assert figures["elbo"] == read_json(tmp_path / "resumed" / "evaluation.json")["elbo"]
    assert (tmp_path / "whole" / "history.csv").read_text().splitlines()[0].count("classification") == 2


def test_more_classes_than_categories_are_refused(main, tmp_path):
    status, err = main("gmvae_digits", "--num-labels", 50, "--num-components", 5, "--run-dir", tmp_path / "run")
    assert status == 1
    assert "--num-components of at least 10, one for each class of digits. Received: num_components=5" in err
