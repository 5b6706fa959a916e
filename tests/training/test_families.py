"""Every preset family trains on the Frey faces, on CIFAR-10 and on a table of real columns, with the networks that it has by default."""

import numpy as np
import pytest

from tests.families import FAMILIES, small
from training.data import load

pytestmark = pytest.mark.slow
SETS = ("frey_faces", "cifar10", "table")
BATCH = 4


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Made-up examples in the files, shapes and types of each set, as the loaders return them."""
    folder, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    n, pixels = 6 * BATCH, lambda *shape: rng.integers(0, 256, shape, "uint8")
    index = dict(zip(("train_idx", "val_idx", "test_idx"), np.split(np.arange(n), [n - 2 * BATCH, n - BATCH]), strict=True))
    np.savez(folder / "frey_faces.npz", x_all=pixels(n, 28, 20), **index)
    examples = {f"x_{split}": pixels(n, 32, 32, 3) for split in ("train", "test")}
    np.savez(folder / "cifar10.npz", **examples, y_train=np.arange(n) % 10, y_test=np.arange(n) % 10)
    np.savez(folder / "table.npz", x=rng.normal(5, 3, (10 * BATCH, 6)).astype("float32"))
    return {name: load(f"npz:{folder / 'table.npz'}" if name == "table" else name, folder) for name in SETS}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_a_step(family, name, sets):
    data = sets[name]
    if (family, name) == ("gamix", "table"):
        pytest.skip("its networks are convolutions, which vectors are refused for")
    experiment = small(FAMILIES[family], data)
    model = experiment.model
    model.compile(experiment.optimizer, experiment.optimizers, jit_compile=False, run_eagerly=True)
    before = [weight.numpy() for weight in model.trainable_variables]
    history = model.fit(data.batches(BATCH, model.support, 0), steps_per_epoch=1, shuffle=False, verbose=0).history
    assert np.isfinite([values[0] for values in history.values()]).all(), history
    assert any((weight.numpy() != old).any() for weight, old in zip(model.trainable_variables, before, strict=True))
    model.fit_prior(data.fixed("train", model.support))
    assert np.isfinite(model.sample(2, seed=0)).all()
