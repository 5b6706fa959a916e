"""Reports on a run besides bounds and costs: its components, its images, and what is particular to a kind of model."""

import functools

import numpy as np

from keras_vaemix.core import supports
from keras_vaemix.evaluation import cluster_report, divergence_split, generation_report, has_divergence_split, sharpness_report
from keras_vaemix.evaluation.generation import sample_of
from keras_vaemix.models import GAMIXVAE
from keras_vaemix.priors import FittedMixture, StandardNormal
from training.data.splits import in_order
from training.features.choice import load_features

MATCHED_ON = 10_000  # training examples on which categories are matched with labels
SPLIT_ON = 1000  # examples of the divergence split, which compares all pairs, chosen at random


def image_report(model, data, split, x, features, verbose=0):
    """Returns the figures of generated and reconstructed images against the real ones of a split, before any binarisation."""
    return against_real(model, data, split, x, load_features(features, data), verbose)


def against_real(model, data, split, x, network, verbose=0):
    """Returns the figures of `image_report`, by a network of features."""
    real = data.arrays(split, supports.UNIT_INTERVAL)
    given = {} if real is x or not data.binarizes(model.support) else {"real": network(real)}
    return generation_report(model, x, network, verbose=verbose, **given)


def objective_report(model, x):
    """Returns the objective of a GAMIX-VAE without its discriminator, which is not a bound, and its terms, as means over batches of 64."""
    other = model.sampled_by(model.prior)
    other.compile(jit_compile=False)
    figures = other.evaluate(in_order(x, 64), verbose=0, return_dict=True)
    return {name: figures[name] for name in ("loss", model.figure_name("reconstruction"), "moment_kl", "variance_kl")}


@functools.singledispatch
def own_report(model, data, x, features, known, verbose=0):
    """Returns the figures particular to a kind of model: none unless one registers its report here.

    Args:
        model: The model.
        data: Its `Data`.
        x: Examples to evaluate on, [N, *].
        features: Name of the feature network for evaluating images, or "none".
        known: The figures so far, and the `split` that they are of.
        verbose: 1 shows progress bars.
    """
    return {}


@own_report.register(GAMIXVAE)
def samplers_report(model, data, x, features, known, verbose=0):
    """Returns the figures of samples with latents from several densities, and the variance of the aggregate posterior.

    The densities are N(0, I), a normal with the aggregate posterior's moments, and a mixture of ten components fitted to draws from it;
    the figures of the model's own prior are among the `known` ones.
    """
    report = {"aggregate_variance": float(model.aggregate_variance(x).mean()), "objective": objective_report(model, x)}
    if not data.is_images():
        return report
    d, network = model.prior.latent_dim, None if features == "none" else load_features(features, data)
    report |= sharpness_report(model, x, verbose=verbose)
    for name, prior in {"standard": StandardNormal(d), "moments": FittedMixture(d, 1), "mixture": FittedMixture(d, 10)}.items():
        figures = known | report
        if (type(prior), prior.num_components) != (type(model.prior), model.prior.num_components):
            other = model.sampled_by(prior)
            other.fit_prior(data.fixed("train", model.support), verbose=verbose)
            figures = sharpness_report(other, x, verbose=verbose)
            figures |= {} if network is None else against_real(other, data, known["split"], x, network, verbose)
        report[f"sharpness_{name}"] = figures["sharpness_generation"]
        if network is not None:
            report[f"fd_{name}"] = figures["fd_generation"]
    return report


def component_report(model, data, split, verbose=0):
    """Returns the figures of the components: their use, their agreement with labels, and the parts of their divergence.

    If the model has learnt from labels, `accuracy` is the share of examples whose most likely class is their label. Components are
    matched with labels on at most `MATCHED_ON` training examples.
    """
    x, labels, train_responsibilities, train_labels = data.arrays(split, model.support), data.labels(split), None, data.labels("train")
    num_classes = 1 + max((known.max() for known in (labels, train_labels) if known is not None), default=0)  # a split may lack some
    if labels is not None and train_labels is not None:
        chosen = np.random.default_rng(0).permutation(len(train_labels))[:MATCHED_ON]
        train_responsibilities = model.responsibilities(data.fixed("train", model.support)[chosen], verbose=verbose)
        train_labels = train_labels[chosen]
    responsibilities, weights = model.responsibilities(x, verbose=verbose), np.exp(model.log_weights())
    report = cluster_report(train_responsibilities, train_labels, responsibilities, labels, weights)
    if model.label_weight is not None and labels is not None:
        report["accuracy"] = float(np.mean(np.argmax(responsibilities[:, :num_classes], axis=1) == labels))
    if has_divergence_split(model):
        report["divergence_split"] = divergence_split(model, x[sample_of(len(x), SPLIT_ON)])
    return report
