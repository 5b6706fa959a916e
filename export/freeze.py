"""What an artifact computes: decoding and sampling, with the prior frozen to constants."""

from typing import Any, NamedTuple

from keras_vaemix.priors import LocationScaleMixture


class Frozen(NamedTuple):
    """A model's decoder and its frozen prior. A VampPrior's pseudo-inputs are encoded here, once, and are gone."""

    model: Any
    prior: LocationScaleMixture

    def decode(self, z):
        """Returns the mean of p(x|z), [N, *]."""
        return self.model.decode(z)

    def sample(self, u, noise, component):
        """Returns the means [N, *] and the components [N] of draws made of noise; see `LocationScaleMixture.transport`."""
        z, component = self.prior.transport(u, noise, component)
        return self.decode(z), component


def freeze(model):
    """Returns the `Frozen` form of a model."""
    return Frozen(model, model.prior.freeze(model.encode))
