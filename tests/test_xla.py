"""XLA and several steps per execution change the speed, not the result."""

import keras
import numpy as np
import pytest

from tests import catalogue


@pytest.mark.parametrize("name", ["prior-VampPrior", "prior-NormalMixture", "vamp-dreg", "likelihood-DiscretizedLogistic"])
def test_same_training_with_and_without_xla(name, noiseless):
    losses, start = [], None
    for arguments in ({"jit_compile": False}, {"jit_compile": True}, {"steps_per_execution": 3}, {"run_eagerly": True}):
        model = catalogue.make(**catalogue.COMBINATIONS[name])
        model.posterior = noiseless
        start = start or model.get_weights()
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(1e-3), **arguments)
        losses.append(model.fit(catalogue.examples(model), batch_size=10, epochs=2, shuffle=False, verbose=0).history["loss"])
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=1e-5)


def test_xla_is_the_default_on_one_replica():
    model = catalogue.make()
    model.compile("adam")
    assert model.jit_compile is True
