"""What a prior is."""

import abc
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Distribution, Encode, Shape, Tensor
from keras_vaemix.core.part import PartLayer, check_component, check_positive, require
from keras_vaemix.core.sampler import Noise, Sampler, draw
from keras_vaemix.core.seeds import stateless_seed
from keras_vaemix.core.supports import Support
from keras_vaemix.mixtures.location_scale import LocationScaleMixture

tfd = tfp.distributions


class Prior(PartLayer, abc.ABC):
    """Abstract: a distribution p(z) over the latents, and the weights that parameterise it.

    A subclass implements `distribution`; also `sampler` unless it is a location-scale distribution; and `num_components`, `log_weights` and
    `responsibilities` if it has several components. It is saved from its constructor's arguments, as every `Part` is.

    Args:
        latent_dim: Number of latent dimensions D.

    Attributes:
        num_components: Number of components K, which can be sampled one by one and clustered by.
        needs_encoder: Whether its density is made of posteriors.
        is_fitted_after_training: Whether it is fitted to the latents of training examples after training, instead of being trained.
        condition_size: Number of attributes A that it depends on; None for a prior of which latents are independent of a condition.
    """

    num_components = 1
    needs_encoder = False
    is_fitted_after_training = False
    condition_size = None

    def __init__(self, latent_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(latent_dim=latent_dim)
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def distribution(self, encode: Encode | None = None, training: bool = False) -> Distribution:
        """Returns p(z), a TFP distribution of event [D] whose `log_prob` takes z [..., D], in float32 and with gradients to all weights.

        Args:
            encode: Function from examples [K, *] to their posterior q(z|x), for priors that are made of posteriors.
            training: Where the density has two forms, True asks for the faster one and False for the more precise one.
        """

    def of_latents(self, condition: Tensor | None, encode: Encode | None = None, training: bool = False) -> Distribution:
        """Returns p(z) given a condition [B, A], or None: `distribution` of `given`, after a check that it is one of whole latents [D].

        Raises:
            ValueError: Its event is not a vector of D latents, as when `tfd.Independent` is forgotten.
        """
        p = self.given(condition, training).distribution(encode, training)
        is_whole = p.event_shape.is_compatible_with([self.latent_dim]) and (condition is not None or p.batch_shape.rank in (0, None))
        expected = f"{type(self).__name__}.distribution of one event, of shape ({self.latent_dim},): tfd.Independent(p, 1) joins dimensions"
        require(is_whole, expected, event_shape=tuple(p.event_shape), batch_shape=tuple(p.batch_shape))
        return p

    def given(self, condition: Tensor | None, training: bool = False):
        """Returns p(z|y), whose `distribution` has a batch [B], for a condition y [B, A]: itself, unless it depends on y."""
        return self

    def check_example_shape(self, shape: Shape) -> None:
        """Raises `ValueError` unless the prior fits examples of this shape, as it does unless it holds pseudo-inputs."""

    def check_support(self, support: Support) -> None:
        """Warns if the prior does not fit examples with values in a support, as it does unless it holds pseudo-inputs."""

    def penalty(self, encode: Encode | None = None) -> Tensor | None:
        """Returns what training adds to its loss, never to the bound: minus the scaled log-density of the prior's weights, or None."""

    def log_weights(self) -> Tensor:
        """Returns the normalised log-weights of the components, [K]."""
        return tf.zeros([1])

    def can_sample(self) -> bool:
        """Returns whether there is a density to sample from yet."""
        return True

    def finish(self, num_samples: int = 2**20) -> None:
        """Completes a prior that gradients have trained: a normaliser without a closed form is estimated once more, from many draws."""

    def estimates(self) -> list[Any]:
        """Returns the weights that `finish` sets; none here."""
        return []

    def report(self) -> dict[str, float]:
        """Returns figures of the density by name, with errors, where it is an estimate; none here."""
        return {}

    def sampler(self, encode: Encode | None = None) -> Sampler:
        """Returns the `Sampler` of p(z), which turns named noise into draws: that of a location-scale density here, `Pushed` for a flow."""
        single = LocationScaleMixture.of(self.log_weights(), self.distribution(encode))
        return single._replace(loc=single.loc[None], scale=single.scale[None])

    def freeze(self, encode: Encode | None = None) -> Any:
        """Returns the `sampler` with constants, which an exported graph holds instead of the encoder."""
        return self.sampler(encode).constants()

    def noise(self, encode: Encode | None = None) -> dict[str, Noise]:
        """Returns the `Noise` that one draw needs, by name."""
        return self.sampler(encode).noise()

    def generate(self, noise: dict[str, Tensor], component: Tensor, encode: Encode | None = None) -> tuple[Tensor, Tensor]:
        """Returns draws z [N, D] made from named noise, and the component of each [N]; see `Sampler.generate`."""
        return self.sampler(encode).generate(noise, component)

    def sample(self, n: int, component: int | None = None, seed: int | None = None, encode: Encode | None = None) -> Tensor:
        """Returns n draws from p(z), or from one of its components, [n, D].

        Args:
            n: Number of draws.
            component: Index of a component, or None to draw one by its weight.
            seed: An integer or a stateless seed [2]; None draws one.
            encode: As in `distribution`.

        Raises:
            ValueError: n is less than one, or there is no such component.
        """
        check_positive(n=n)
        return draw(self.sampler(encode), n, self.check_component(component), stateless_seed(seed))[0]

    def check_component(self, component: int | None) -> int:
        """Returns the index of the component, or -1 for None; raises `ValueError` if it does not exist."""
        check_component(component, self.num_components)
        return -1 if component is None else component

    def responsibilities(self, z: Tensor, encode: Encode | None = None) -> Tensor:
        r"""Returns :math:`p(k|z) = \pi_k p_k(z) / p(z)`, [..., K]; one for a prior that is not a mixture."""
        return tf.ones_like(z[..., :1])
