"""What every model that can be sampled shares: seeds, a sampler, and components to sample from and to cluster by."""

import abc
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array, Tensor
from keras_vaemix.core.part import check_component, check_positive, constructor_config, constructor_repr, require
from keras_vaemix.core.progress import progress
from keras_vaemix.core.replicas import replica_id
from keras_vaemix.core.sampler import Noise, Sampler, draw_noise
from keras_vaemix.core.seeds import check_seed, fold_in, stateless_seed
from keras_vaemix.models.base.inputs import condition_of, named
from keras_vaemix.models.base.step import SteppedModel

EVALUATION = 1  # second half of evaluation seeds; zero in training and in users' seeds


class GenerativeModel(SteppedModel):
    """Abstract: a model whose samples are a function of named noise. Sampling, pictures, clustering and export use only this interface.

    Args:
        seed: Every draw is a function of this integer of 32 bits, a counter kept as a weight, and the replica.

    Attributes:
        has_likelihood: Whether there is a density p(x | latents), so that training maximises a bound on log p(x).
        _extra_noise: Names and sizes of the standard normal noise that sampling needs in addition to that of its sampler.
    """

    has_likelihood = False
    _extra_noise: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_seed(seed)
        self.seed = seed
        self.draw_counter = self.add_weight(
            (), "zeros", name="draw_counter", trainable=False, dtype="int32", aggregation="only_first_replica"
        )

    # What a subclass implements.

    @property
    @abc.abstractmethod
    def latent_sizes(self) -> dict[str, int | None]:
        """Names and sizes of the latents that `decode` takes, a dict in that order; the size of an integer category is None."""

    @property
    def decode_sizes(self):
        """Names and sizes of all that `decode` takes: the latents, and the condition of a model that is conditioned."""
        return {**self.latent_sizes, **({} if self.condition_size is None else {"condition": self.condition_size})}

    @property
    @abc.abstractmethod
    def num_components(self) -> int:
        """Number of components that can be sampled one by one; 1 if there are none."""

    @abc.abstractmethod
    def posterior_parameters(self, x: Array) -> dict[str, Tensor]:
        """Returns the parameters of the posterior as a dict of tensors, by operations that export."""

    @abc.abstractmethod
    def batch_latent_means(self, x: Array) -> Tensor:
        """Returns the means of the continuous latents for a batch x [B, *], [B, D]; see `latent_means`."""

    @abc.abstractmethod
    def decode(self, *latents: Tensor) -> Tensor:
        """Returns the mean of p(x | latents), [B, *]."""

    @abc.abstractmethod
    def sampler(self) -> Sampler:
        """Returns the `Sampler` of the top-level latents, with the weights by which `sample` chooses components."""

    @property
    def has_clusters(self) -> bool:
        """Whether it has several components, and says of which of them an example is."""
        return self.num_components > 1

    @abc.abstractmethod
    def batch_responsibilities(self, x: Array, num_samples: int, seed: Tensor) -> Array:
        """Returns the responsibilities [B, K] for a batch x [B, *]; see `responsibilities`."""

    def _decoder_inputs(self, z: Tensor, component: Tensor, noise: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Returns all inputs of `decode` for draws of the sampler.

        Args:
            z: Draws of the sampler, [N, D].
            component: Their components, integer [N].
            noise: Noise by name, including that of `_extra_noise`, which is standard normal [N, size], and the "condition" [N, A] of a
                model that is conditioned.
        """
        return (z,)

    def fit_prior(self, x: Array, verbose: int = 0) -> None:
        """Fits the density that sampling needs to training examples x [N, *]; does nothing if gradients have trained all of the prior.

        `verbose` 1 shows a progress bar.
        """

    def can_sample(self) -> bool:
        """Returns whether there is a density to sample: where `fit_prior` fits it, not before that."""
        return True

    def histograms(self) -> dict[str, Tensor]:
        """Returns tensors by name whose histograms are shown in training."""
        return {}

    def export_model(self):
        """Returns the model whose decoder and sampler are exported."""
        return self

    def export(
        self,
        filepath: str | PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Exports what `call` computes, the reconstruction of x [N, *], by Keras's own exporter; see `keras.Model.export`.

        What samples the prior is exported by `python -m export`, which also checks it.

        Args:
            filepath: File or folder; LiteRT's name ends with `.tflite`.
            format: `"tf_saved_model"`, `"onnx"` or `"litert"`, or another that Keras knows.
            verbose: Whether Keras prints where to.
            input_signature: Shape and dtype of x; by default examples of the model with what accompanies them, any number at a time.
            **kwargs: Keras's own.
        """
        shapes = {"condition": (self.condition_size,)}
        names = ("x", *self.accompanied_by)
        each = {one: keras.InputSpec(shape=(None, *shapes.get(one, self.example_shape)), dtype="float32", name=one) for one in names}
        super().export(filepath, format, verbose, input_signature=input_signature or [Batch(**each).inputs()], **kwargs)

    # Randomness.

    def next_seed(self):
        """Returns a fresh stateless seed [2]: a function of the model's seed, the draw counter and the replica."""
        self.draw_counter.assign_add(1)
        return fold_in(fold_in(stateless_seed(self.seed), tf.convert_to_tensor(self.draw_counter)), replica_id())

    def evaluation_seed(self, batch):
        return fold_in(fold_in([self.seed, EVALUATION], batch), replica_id())

    def seed_for(self, seed: int | Tensor | None) -> Tensor:
        """Returns the stateless seed for a user's `seed`; for None, the model's next."""
        return self.next_seed() if seed is None else stateless_seed(seed)

    # Reconstruction, sampling and components.

    def reconstruct(self, x: Array, y: Array | None = None) -> Tensor:
        """Returns `predict(x)` for a batch, as a tensor; y as in `responsibilities`."""
        return self.map_batches(self.call, self._float_inputs(x, y))  # `self(...)` would round x to half precision

    def latent_means(self, x: Array, y: Array | None = None) -> Tensor:
        """Returns the means of the continuous latents given x [N, *], [N, D]; y as in `responsibilities`.

        The mean of a flow posterior has no closed form: in its place stands its `center`, to which the flow maps the mean of z_0.
        """
        return self.map_batches(self.batch_latent_means, self._float_inputs(x, y))

    def _float_inputs(self, x, y):
        """Returns examples given y, or a dict of them with what accompanies them, as float32 tensors, after the checks of `predict`."""
        given = named(self, x, y=y)
        given = given if tf.is_tensor(given.x) else self.checked(given)
        return given.map(lambda one: tf.cast(one, tf.float32)).inputs()

    def sample(self, n: int, component: int | None = None, seed: int | None = None, y: Array | None = None) -> Tensor:
        """Returns the decoded means [n, *] of n draws from the model's prior.

        Args:
            n: Number of draws.
            component: Index of one component, or None to draw components by their weights.
            seed: Integer; None takes the model's next, which changes what training draws after it: a callback should pass a seed.
            y: What the samples are conditioned on, [A] for all of them or [n, A], of a model that is conditioned; None of others.

        Raises:
            ValueError: n is less than one, there is no such component, or y does not fit the model.
        """
        return self.map_batches(self.decode, *self.sample_latents(n, component, seed, y))

    def map_batches(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Returns `function(*inputs)` of tensors [N, *] or dicts of them, computed a few rows at a time if examples are large."""
        n = tf.nest.flatten(inputs)[0].shape[0]  # None in a graph for any batch size
        size = batch_size_for(None, self.example_shape, n or 1)
        if n is None or n <= size:
            return function(*inputs)
        rows = [tf.nest.map_structure(lambda x, i=i: x[i : i + size], inputs) for i in range(0, n, size)]
        return tf.concat([function(*some) for some in rows], axis=0)

    def sample_latents(
        self, n: int, component: int | None = None, seed: int | Tensor | None = None, y: Array | None = None
    ) -> tuple[Tensor, ...]:
        """Returns n draws from the prior of all inputs of `decode`; arguments as in `sample`, with a stateless seed [2] as another seed."""
        seed = self.seed_for(seed)
        check_positive(n=n)
        check_component(component, self.num_components)
        return self.draw(self.sampler(), n, -1 if component is None else component, seed, condition_of(self, n, y))[0]

    def noise(self, sampler: Sampler) -> dict[str, Noise]:
        """Returns the `Noise` of one draw by name: that of a sampler, and what the levels below need."""
        return {**sampler.noise(), **{name: Noise("Normal", size) for name, size in self._extra_noise.items()}}

    def generate(self, sampler: Sampler, noise: dict[str, Tensor], component: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Returns all inputs of `decode`, made from named noise, and the component of each draw [N]; see `Sampler.generate`.

        A model that is conditioned finds its "condition" [N, A] beside the noise.
        """
        z, component = sampler.generate(noise, component)
        return self._decoder_inputs(z, component, noise), component

    def draw(
        self, sampler: Sampler, n: int, component: int | Tensor, seed: Tensor, condition: Tensor | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Returns n draws of all inputs of `decode`, and their components [n]; `component` -1 draws it. `seed` is stateless, [2].

        `condition` [n, A] is for a model that is conditioned.
        """
        noise = draw_noise(self.noise(sampler), n, seed)
        noise |= {} if condition is None else {"condition": condition}
        return self.generate(sampler, noise, tf.fill([n], tf.cast(component, tf.int32)))

    def log_weights(self) -> Tensor:
        """Returns the log-weights with which `sample` chooses components, [K]."""
        return tf.math.log(self.sampler().weights())

    def responsibilities(
        self,
        x: Array,
        num_samples: int = 10,
        batch_size: int | None = None,
        seed: int = 0,
        verbose: int = 0,
        y: Array | None = None,
    ) -> np.ndarray:
        r"""Returns :math:`q(k|x)`, the responsibility of each component for each example, [N, K].

        It is the posterior over categories if the model has one, else :math:`E_{q(z|x)}\, p(k|z)`.

        Args:
            x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
            num_samples: Number of draws of z for each example, where the responsibility is an expectation.
            batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
            seed: Integer; the estimate is a function of it.
            verbose: 1 shows a progress bar.
            y: What x is conditioned on, [A] for all examples or [N, A], of a model that is conditioned, where x is no dict that has it.

        Raises:
            ValueError: The model does not take these examples, or y, or their responsibilities are not finite, as when its weights are not.
        """
        given = self.checked(x, y=y)
        n, batch_size = len(given.x), batch_size_for(batch_size, self.example_shape, 100)
        check_positive(num_samples=num_samples, batch_size=batch_size)
        starts = progress(range(0, n, batch_size), verbose, f"components of {n} examples")
        batches = ((i, given.map(lambda one, i=i: tf.cast(one[i : i + batch_size], tf.float32)).inputs()) for i in starts)
        responsibilities = np.concatenate([self.batch_responsibilities(batch, num_samples, fold_in([seed, 0], i)) for i, batch in batches])
        num_wrong = int(np.sum(~np.isfinite(responsibilities).all(axis=1)))
        expected = "finite responsibilities: restore finite weights, or scale examples so that their posterior does not overflow"
        require(num_wrong == 0, expected, examples_without=f"{num_wrong} of {len(responsibilities)}")
        return responsibilities

    def cluster(
        self,
        x: Array,
        num_samples: int = 10,
        batch_size: int | None = None,
        seed: int = 0,
        verbose: int = 0,
        y: Array | None = None,
    ) -> np.ndarray:
        """Returns the component with the largest responsibility for each example, [N]. Args as in `responsibilities`."""
        return np.argmax(self.responsibilities(x, num_samples, batch_size, seed, verbose, y), axis=1)

    __repr__ = constructor_repr

    def get_config(self) -> dict[str, Any]:
        return {**constructor_config(self), "name": self.name, "dtype": keras.dtype_policies.serialize(self.dtype_policy)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
