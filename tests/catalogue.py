"""A small instance of every public class. The capability tests run over these."""

import functools

import keras
import numpy as np

import keras_vaemix as vm
from keras_vaemix import networks
from keras_vaemix.core import supports
from keras_vaemix.networks.normalizations import GroupNormalization

SHAPE, LATENT_DIM, NUM_ATTRIBUTES = (4, 4, 1), 3, 2


def fitted_mixture():
    """Returns a mixture of four correlated normals, fitted to latents of four clusters."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((400, LATENT_DIM)) @ rng.standard_normal((LATENT_DIM, LATENT_DIM)) / 2 + np.repeat(
        2 * np.eye(4, LATENT_DIM), 100, 0
    )
    prior = vm.FittedMixture(LATENT_DIM, 4)
    prior.fit(z)
    return prior


PRIORS = {
    "FittedMixture": fitted_mixture,
    "StandardNormal": lambda: vm.StandardNormal(LATENT_DIM),
    "LearnedNormal": lambda: vm.LearnedNormal(LATENT_DIM),
    "NormalMixture": lambda: vm.NormalMixture(LATENT_DIM, 4, learn_weights=True),
    "VampPrior": lambda: vm.VampPrior(LATENT_DIM, 5, SHAPE, learn_weights=True, value_range=(0.0, 1.0)),
    "VampPriorMixture": lambda: vm.VampPriorMixture(LATENT_DIM, 5, SHAPE, value_range=(0.0, 1.0)),
    "MaskedAutoregressive": lambda: vm.MaskedAutoregressive(vm.NormalMixture(LATENT_DIM, 4, learn_weights=True), 2, (8,)),
    "RealNVP": lambda: vm.RealNVP(vm.NormalMixture(LATENT_DIM, 4, learn_weights=True), 2, (8,)),
    "ImplicitPrior": lambda: vm.ImplicitPrior(LATENT_DIM, (8,), num_candidates=5, num_samples=64),
    "ResampledPrior": lambda: vm.ResampledPrior(LATENT_DIM, 5, (8,), num_samples=64),
}
LIKELIHOODS = {
    "Bernoulli": vm.Bernoulli,
    "PseudoBernoulli": vm.PseudoBernoulli,
    "ContinuousBernoulli": vm.ContinuousBernoulli,
    "Normal": lambda: vm.Normal(0.5),
    "LearnedScaleNormal": lambda: vm.LearnedScaleNormal(0.5),
    "OptimalScaleNormal": vm.OptimalScaleNormal,
    "Laplace": lambda: vm.Laplace(0.5),
    "DiscretizedLogistic": vm.DiscretizedLogistic,
}
TABLE_LIKELIHOODS = {  # of blocks along the last axis, or of values that pixels do not have
    "Poisson": vm.Poisson,
    "NegativeBinomial": vm.NegativeBinomial,
    "NegativeBinomial-learned": lambda: vm.NegativeBinomial(2),
    "ZeroInflated": lambda: vm.ZeroInflated(vm.NegativeBinomial()),
    "LibrarySize": lambda: vm.LibrarySize(vm.ZeroInflated(vm.Poisson()), 30.0),
    "Categorical": vm.Categorical,
    "Beta": vm.Beta,
    "StudentT": lambda: vm.StudentT(0.5),
    "Standardized": lambda: vm.Standardized(vm.LearnedScaleNormal(0.5), (-3.0, 50.0), (2.0, 10.0)),
}
DENSITIES = [name for name in TABLE_LIKELIHOODS if name != "LibrarySize"]
TABLE_LIKELIHOODS["Columns"] = lambda: vm.Columns([(name, TABLE_LIKELIHOODS[name](), 2) for name in DENSITIES])
POSTERIORS = {
    "DiagonalNormal": vm.DiagonalNormal,
    "NormalMixturePosterior": lambda: vm.NormalMixturePosterior(3, learn_weights=True),
    "AdditiveCoupling": lambda: vm.AdditiveCoupling(LATENT_DIM, 2, (8,), context_size=4),
    "HouseholderFlow": lambda: vm.HouseholderFlow(LATENT_DIM, 2),
    "PlanarFlow": lambda: vm.PlanarFlow(LATENT_DIM, 2),
    "InverseAutoregressive": lambda: vm.InverseAutoregressive(LATENT_DIM, hidden=(8,), context_size=4),
    "SampledMixturePosterior": lambda: vm.SampledMixturePosterior(3, fixed_weights=(0.2, 0.3, 0.5)),
}
DIVERGENCES = {
    "ClosedForm": vm.divergences.ClosedForm,
    "MonteCarlo": vm.divergences.MonteCarlo,
    "Variational": vm.divergences.Variational,
    "Matched": lambda: vm.divergences.Matched(vm.divergences.Greedy()),
    "ComponentSoftmin": vm.divergences.ComponentSoftmin,
    "SoftminBound": vm.divergences.SoftminBound,
    "MeanBound": vm.divergences.MeanBound,
}
OBJECTIVES = {
    "ELBO": lambda: vm.ELBO(2),
    "ImportanceWeighted": lambda: vm.ImportanceWeighted(4),
    "DoublyReparameterized": lambda: vm.DoublyReparameterized(4),
    "InfoObjective": lambda: vm.InfoObjective(0.5, 20.0),
}
COMBINATIONS = {
    **{f"prior-{name}": {"prior": name} for name in PRIORS},
    **{f"likelihood-{name}": {"likelihood": name} for name in LIKELIHOODS},
    **{f"objective-{name}": {"objective": name} for name in OBJECTIVES},
    **{
        f"posterior-{name}": {"posterior": name, "prior": "VampPrior" if name.endswith("MixturePosterior") else "StandardNormal"}
        for name in POSTERIORS
        if name != "DiagonalNormal"  # which all others have
    },
    "flows": {"posterior": "InverseAutoregressive", "prior": "RealNVP"},
    **{f"kl-{name}": {"posterior": "NormalMixturePosterior", "prior": "VampPrior", "kl": name} for name in DIVERGENCES},
    "mixture-iwae": {"posterior": "NormalMixturePosterior", "prior": "NormalMixture", "objective": "ImportanceWeighted"},
    "vamp-dreg": {"prior": "VampPrior", "objective": "DoublyReparameterized"},
}


def cp_vae(objective, seed, sees=True, held=False, **settings):
    """Returns a small CP-VAE with four categories, held or not."""
    both = networks.joint_gated_mlp([(LATENT_DIM,), (4,)], SHAPE, (8,), (8,))
    encoder = networks.gated_mlp(SHAPE, 4 + 2 * LATENT_DIM, (8,))
    return vm.CPVAE(
        encoder=encoder,
        decoder=both if sees else networks.gated_mlp((LATENT_DIM,), SHAPE, (8,)),
        prior=vm.NormalMixture(LATENT_DIM, 4, learn_weights=not {"follow_aggregate", "sample_aggregate"} & set(settings)),
        likelihood=vm.Bernoulli(),
        objective=objective,
        seed=seed,
        category_posterior=vm.HeldCategories.of(encoder) if held else None,
        **settings,
    )


def hierarchical_vae(objective, seed, prior):
    """Returns a small two-level VAE."""
    return vm.HierarchicalVAE(
        top_encoder=networks.gated_mlp(SHAPE, 2 * LATENT_DIM, (8,)),
        encoder=networks.joint_gated_mlp([SHAPE, (LATENT_DIM,)], 4, (8,), (8,)),
        conditional=networks.gated_mlp((LATENT_DIM,), 4, (8,)),
        decoder=networks.joint_gated_mlp([(2,), (LATENT_DIM,)], SHAPE, (8,), (8,)),
        prior=PRIORS[prior](),
        likelihood=vm.Bernoulli(),
        objective=objective,
        seed=seed,
    )


def gm_vae(objective, seed):
    """Returns a small Gaussian-mixture VAE with four categories."""
    return vm.GMVAE(
        top_encoder=networks.gated_mlp(SHAPE, 4, (8,)),
        encoder=networks.gated_mlp(SHAPE, 2 * LATENT_DIM, (8,)),
        conditional=networks.gated_mlp((2,), 4 * 2 * LATENT_DIM, (8,)),
        decoder=networks.gated_mlp((LATENT_DIM,), SHAPE, (8,)),
        prior=vm.StandardNormal(2),
        likelihood=vm.Bernoulli(),
        num_components=4,
        objective=objective,
        seed=seed,
    )


def two_stage_vae(objective, seed):
    """Returns a small VAE of examples, and one of its latents."""
    stages = []
    for shape, likelihood in ((SHAPE, vm.Bernoulli()), ((LATENT_DIM,), vm.LearnedScaleNormal(0.5))):
        encoder = networks.mlp(shape, 2 * LATENT_DIM, (8,), skip=True)
        decoder = networks.mlp((LATENT_DIM,), shape, (8,), skip=True)
        stages.append(vm.VAE(encoder, decoder, vm.StandardNormal(LATENT_DIM), likelihood, seed=seed))
    return vm.TwoStageVAE(*stages, objective=objective, seed=seed)


MODELS = {
    "CPVAE": cp_vae,
    "CPVAE-straight-through": lambda *a: cp_vae(*a, estimator=vm.categories.StraightThrough(0.5), heads=vm.SharedHeads(LATENT_DIM, 4)),
    "CPVAE-aggregate": lambda *a: cp_vae(*a, sees=False, follow_aggregate=True),
    "CPVAE-held": lambda *a: cp_vae(*a, held=True),
    "CPVAE-paper": lambda *a: cp_vae(*a, sample_aggregate=True),
    "HierarchicalVAE": lambda *a: hierarchical_vae(*a, "StandardNormal"),
    "HierarchicalVAE-vamp": lambda *a: hierarchical_vae(*a, "VampPrior"),
    "HierarchicalVAE-lars": lambda *a: hierarchical_vae(*a, "ResampledPrior"),
    "GMVAE": gm_vae,
    "TwoStageVAE": two_stage_vae,
}
COMBINATIONS |= {f"model-{name}": {"model": name} for name in MODELS}


def pixel_vae(likelihood="Bernoulli", prior="StandardNormal", objective="ELBO", posterior=None):
    """Returns a small VAE whose decoder sees the previous pixels."""
    likelihood, posterior = LIKELIHOODS[likelihood](), posterior or vm.DiagonalNormal()
    return vm.PixelVAE(
        encoder=networks.gated_mlp(SHAPE, posterior.params_size(LATENT_DIM), (8,)),
        decoder=pixel_cnn(LATENT_DIM, likelihood.params_size(1)),
        prior=PRIORS[prior](),
        likelihood=likelihood,
        posterior=posterior,
        objective=OBJECTIVES[objective](),
    )


def pixel_cnn(latent_dim, num_params):
    return networks.PixelCNN(latent_dim, SHAPE, num_params, filters=8, num_layers=1, first_kernel_size=5, hidden=(8,), map_channels=2)


def pixel_hierarchical_vae(prior="VampPrior"):
    """Returns a small two-level VAE whose decoder sees the previous pixels."""
    return vm.PixelHierarchicalVAE(
        top_encoder=networks.gated_mlp(SHAPE, 2 * LATENT_DIM, (8,)),
        encoder=networks.joint_gated_mlp([SHAPE, (LATENT_DIM,)], 4, (8,), (8,)),
        conditional=networks.gated_mlp((LATENT_DIM,), 4, (8,)),
        decoder=pixel_cnn(2 + LATENT_DIM, 1),
        prior=PRIORS[prior](),
        likelihood=vm.Bernoulli(),
    )


def gamix_vae(prior="StandardNormal"):
    """Returns a small GAMIX-VAE with residual networks."""
    size = {"width": 8, "depth": 1, "min_size": 2}
    return vm.GAMIXVAE(
        encoder=networks.resnet_v2_encoder(SHAPE, 2 * LATENT_DIM, **size),
        decoder=networks.resnet_v2_decoder(LATENT_DIM, SHAPE, **size, output_activation="sigmoid"),
        prior=PRIORS[prior](),
        likelihood=vm.Laplace(0.5),
        discriminator=networks.mlp(SHAPE, (2, 2, 1), (8,)),
    )


def empirical_bayes_vae(prior="VampPriorMixture", seed=0):
    """Returns a small VAE whose prior takes its own steps."""
    encoder, decoder = networks.gated_mlp(SHAPE, 2 * LATENT_DIM, (8,)), networks.gated_mlp((LATENT_DIM,), SHAPE, (8,))
    return vm.EmpiricalBayesVAE(encoder, decoder, PRIORS[prior](), vm.Bernoulli(), seed=seed)


def vae_iop():
    """Returns a small VAE with an implicit prior."""
    encoder, decoder = networks.gated_mlp(SHAPE, 2 * LATENT_DIM, (8,)), networks.gated_mlp((LATENT_DIM,), SHAPE, (8,))
    return vm.VAEIOP(encoder, decoder, PRIORS["ImplicitPrior"](), vm.Bernoulli(), ratio_steps=2)


def factor_vae(seed=0, **settings):
    """Returns a small FactorVAE."""
    encoder, decoder = networks.mlp(SHAPE, 2 * LATENT_DIM, (8,)), networks.mlp((LATENT_DIM,), SHAPE, (8,))
    prior, likelihood = vm.StandardNormal(LATENT_DIM), vm.Normal(0.5)
    return vm.FactorVAE(encoder, decoder, critic(), prior, likelihood, seed=seed, **settings)


def make(prior="StandardNormal", likelihood="Bernoulli", posterior="DiagonalNormal", objective="ELBO", kl=None, seed=0, model="VAE"):
    """Returns a small VAE with the named parts, or another small model with its own parts."""
    if model != "VAE":
        return MODELS[model](OBJECTIVES[objective](), seed)
    likelihood, posterior = LIKELIHOODS[likelihood](), POSTERIORS[posterior]()
    return vm.VAE(
        encoder=vm.networks.gated_mlp(SHAPE, posterior.params_size(LATENT_DIM), (8,)),
        decoder=vm.networks.gated_mlp((LATENT_DIM,), (*SHAPE[:-1], likelihood.params_size(1)), (8,)),
        prior=PRIORS[prior](),
        likelihood=likelihood,
        posterior=posterior,
        objective=vm.ELBO(kl=DIVERGENCES[kl]()) if kl else OBJECTIVES[objective](),
        seed=seed,
    )


def table_vae(prior="NormalMixture", seed=0):
    """Returns a small VAE of a table that has columns of every kind."""
    likelihood = TABLE_LIKELIHOODS["Columns"]()
    width, inputs = likelihood.num_columns, keras.Input((likelihood.num_columns,))
    scaled = networks.ScaledColumns.from_data(draws(likelihood, 50), likelihood.are_counts)(inputs)
    encoder = keras.Model(inputs, networks.mlp((width,), 2 * LATENT_DIM, (8,))(scaled))
    decoder = networks.mlp((LATENT_DIM,), likelihood.params_size(width), (8,))
    return vm.VAE(encoder, decoder, PRIORS[prior](), likelihood, seed=seed)


def draws(likelihood, n, width=2, seed=0):
    """Returns n rows [n, width] of a table, each drawn from a likelihood with its own random parameters."""
    width = getattr(likelihood, "num_columns", width)
    params = np.random.default_rng(seed).standard_normal((n, likelihood.params_size(width))).astype("float32")
    return likelihood.draw(params, likelihood.noise().sample([n, width], seed=[seed, 1])).numpy()


def examples(model, n=30, seed=0):
    """Returns n examples in the support of the model, in a dict if something accompanies them."""
    if len(model.example_shape) == 1:
        return draws(model.likelihood, n, *model.example_shape, seed)
    x = np.random.default_rng(seed).integers(0, 256, (n, *model.example_shape)) / 255
    return accompanied(model, (np.round(x) if model.support is supports.BINARY else x).astype("float32"), seed)


def accompanied(model, x, seed=0):
    """Returns examples x [N, *], or a dict of them with what the model takes beside them: a mask, a condition."""
    rng = np.random.default_rng(seed)
    further = {"mask": rng.random(x.shape) < 0.7, "condition": rng.standard_normal((len(x), NUM_ATTRIBUTES))}
    return vm.Batch(x, **{name: further[name].astype("float32") for name in model.accompanied_by}).inputs()


def given(model):
    """Returns what `sample` takes beside the number of samples: y, if the model is conditioned."""
    return {} if model.condition_size is None else {"y": np.linspace(-1, 1, NUM_ATTRIBUTES, dtype="float32")}


def normalized_encoder():
    """Returns an encoder with batch normalisation."""
    inputs = h = keras.Input(SHAPE)
    for layer in (keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.BatchNormalization(synchronized=True), keras.layers.ReLU()):
        h = layer(h)
    return keras.Model(inputs, keras.layers.Dense(LATENT_DIM)(h))


def encoder_beside(num_outputs, **shapes):
    """Returns an encoder of x and of what accompanies it."""
    width = 1 + sum(shape[-1] for shape in shapes.values())
    return networks.named_inputs(networks.gated_mlp((*SHAPE[:-1], width), num_outputs, (8,)), x=SHAPE, **shapes)


def conditioned_encoder(num_outputs):
    return encoder_beside(num_outputs, condition=(NUM_ATTRIBUTES,))


def conditioned_decoder(**sizes):
    """Returns a decoder of latents and of a condition."""
    sizes |= {"condition": NUM_ATTRIBUTES}
    network = networks.gated_mlp((sum(sizes.values()),), SHAPE, (8,))
    return networks.named_inputs(network, **{name: (size,) for name, size in sizes.items()})


def conditional_prior(latent_dim):
    return vm.ConditionalNormal(latent_dim, networks.mlp((NUM_ATTRIBUTES,), 2 * latent_dim, (8,)))


def conditioned_vae(seed=0):
    """Returns a small VAE given y, in its prior too."""
    encoder, decoder = conditioned_encoder(2 * LATENT_DIM), conditioned_decoder(z=LATENT_DIM)
    return vm.VAE(encoder, decoder, conditional_prior(LATENT_DIM), vm.Bernoulli(), seed=seed)


def conditioned_cp_vae(seed=0):
    """Returns a small CP-VAE given y, with four categories."""
    encoder, decoder = conditioned_encoder(4 + 2 * LATENT_DIM), conditioned_decoder(z=LATENT_DIM, c=4)
    return vm.CPVAE(encoder, decoder, vm.NormalMixture(LATENT_DIM, 4, learn_weights=True), vm.Bernoulli(), seed=seed)


def conditioned_gm_vae(seed=0):
    """Returns a small Gaussian-mixture VAE given y, with four categories."""
    encoders = conditioned_encoder(4), conditioned_encoder(2 * LATENT_DIM)
    others = networks.gated_mlp((2,), 4 * 2 * LATENT_DIM, (8,)), conditioned_decoder(z=LATENT_DIM), conditional_prior(2)
    return vm.GMVAE(*encoders, *others, vm.Bernoulli(), num_components=4, seed=seed)


def vae_with_gaps(seed=0):
    """Returns a small VAE of examples with missing values."""
    encoder, decoder = encoder_beside(2 * LATENT_DIM, mask=SHAPE), networks.gated_mlp((LATENT_DIM,), SHAPE, (8,))
    return vm.VAE(encoder, decoder, vm.NormalMixture(LATENT_DIM, 4, learn_weights=True), vm.Bernoulli(), seed=seed)


ACCOMPANIED = {
    "CPVAE-conditioned": conditioned_cp_vae,
    "VAE-conditioned": conditioned_vae,
    "GMVAE-conditioned": conditioned_gm_vae,
    "VAE-gaps": vae_with_gaps,
}


def autoencoder(model, *others, encoder=None, prior=None, cost=None, seed=0, **settings):
    """Returns a small deterministic autoencoder; `others` are the networks that its class takes after encoder and decoder."""
    encoder, decoder = encoder or networks.mlp(SHAPE, LATENT_DIM, (8,), "relu"), networks.mlp((LATENT_DIM,), SHAPE, (8,), "relu")
    prior, cost = prior or vm.StandardNormal(LATENT_DIM), cost or vm.costs.SquaredError()
    return model(encoder, decoder, *others, prior, cost, seed=seed, **settings)


def linear(inputs, matrix, bias=None):
    """Returns a network that multiplies by a matrix, and adds a bias if there is one."""
    network = networks.mlp((inputs,), matrix.shape[1], ())
    network.set_weights([matrix, np.zeros(matrix.shape[1]) if bias is None else bias])
    return network


def critic(shape=(LATENT_DIM,)):
    return networks.mlp(shape, 1, (8,), "relu")


def flex_ae(seed=0, **settings):
    generator = networks.mlp((LATENT_DIM + 1,), LATENT_DIM, (8,), "relu")
    prior = vm.StandardNormal(LATENT_DIM + 1)
    return autoencoder(vm.FlexAE, critic(), generator, encoder=normalized_encoder(), prior=prior, seed=seed, **settings)


PENALTIES = {name: getattr(vm.penalties, name) for name in ("CodeNorm", "DecoderGradient", "DecoderNorm", "LogVolume")}
AUTOENCODERS = {
    "fitted": lambda seed=0: autoencoder(vm.Autoencoder, prior=PRIORS["FittedMixture"](), seed=seed),
    "penalties": lambda seed=0: autoencoder(vm.Autoencoder, penalties=[make() for make in PENALTIES.values()], seed=seed),
    "mmd": lambda seed=0: autoencoder(vm.Autoencoder, discrepancy=vm.discrepancies.MMD(), seed=seed),
    "adversarial": lambda seed=0: autoencoder(vm.AdversarialAutoencoder, critic(), encoder=normalized_encoder(), seed=seed),
    "mask": lambda seed=0: autoencoder(vm.MaskAAE, critic(), cost=vm.costs.CrossEntropy(1 / 16), seed=seed),
    "flex": flex_ae,
    "flex-smooth": lambda seed=0: flex_ae(seed, image_critic=critic(SHAPE)),
}

EVERY_MODEL = {
    **{name: functools.partial(make, **arguments) for name, arguments in COMBINATIONS.items()},
    **{f"autoencoder-{name}": make for name, make in AUTOENCODERS.items()},
    **ACCOMPANIED,
    "GAMIXVAE": gamix_vae,
    "GAMIXVAE-fitted": functools.partial(gamix_vae, "FittedMixture"),
    "EmpiricalBayesVAE": empirical_bayes_vae,
    "VAEIOP": vae_iop,
    "VAE-table": table_vae,
    "FactorVAE": factor_vae,
    "PixelVAE": functools.partial(pixel_vae, prior="VampPrior"),
    "PixelVAE-levels": functools.partial(pixel_vae, "DiscretizedLogistic"),
    "PixelHierarchicalVAE": pixel_hierarchical_vae,
}

NUM_PAIRS = max(len(PRIORS), len(LIKELIHOODS))
PAIRS = [(list(PRIORS)[(i - 1) % len(PRIORS)], list(LIKELIHOODS)[i % len(LIKELIHOODS)]) for i in range(NUM_PAIRS)]
# Fewer models that have all parts together, but for divergences and further objectives: each prior with a likelihood.
COVERING = {
    **{"-".join(pair): functools.partial(make, *pair) for pair in PAIRS},
    **{name: make for name, make in EVERY_MODEL.items() if not name.startswith(("prior-", "likelihood-", "objective-", "kl-"))},
}


def of(*classes):
    """Returns classes that take no arguments, by name."""
    return {c.__name__: c for c in classes}


PARTS = {
    "prior": PRIORS,
    "prior given a condition": {
        "ConditionalNormal": lambda: vm.ConditionalNormal(LATENT_DIM, networks.mlp((2,), 2 * LATENT_DIM, (8,))),
    },
    "density of weights": {"DirichletWeights": lambda: vm.DirichletWeights(2.0, 50)},
    "likelihood": {**LIKELIHOODS, **TABLE_LIKELIHOODS},
    "posterior": POSTERIORS,
    "objective": OBJECTIVES,
    "divergence": {**DIVERGENCES, "LowerBound": vm.divergences.LowerBound},
    "matching": of(vm.divergences.Greedy, vm.divergences.Optimal),
    "categories": of(vm.categories.Enumerated, vm.categories.StraightThrough),
    "category posterior": {
        "EncodedCategories": vm.EncodedCategories,
        "HeldCategories": lambda: vm.HeldCategories.of(networks.gated_mlp(SHAPE, 4 + 2 * LATENT_DIM, (8,))),
    },
    "heads": {"GatedHeads": lambda: vm.GatedHeads(LATENT_DIM, 4), "SharedHeads": lambda: vm.SharedHeads(LATENT_DIM, 4)},
    "cost": of(vm.costs.SquaredError, vm.costs.RealSquaredError, vm.costs.CrossEntropy),
    "discrepancy": of(vm.discrepancies.MMD),
    "kernel": of(vm.discrepancies.InverseMultiquadratic, vm.discrepancies.RadialBasis),
    "penalty": PENALTIES,
    "adversarial loss": of(vm.adversarial.NonSaturating, vm.adversarial.Wasserstein, vm.adversarial.LeastSquares, vm.adversarial.Hinge),
    "moments": of(vm.moments.MeanMoments, vm.moments.TotalMoments, vm.moments.EachPosterior),
    "layer": {
        **of(networks.DepthToSpace, GroupNormalization),
        "GatedDense": lambda: networks.GatedDense(4),
        "GatedConv2D": lambda: networks.GatedConv2D(4, 3),
        "MaskedDense": lambda: networks.MaskedDense(2, [[1, 0], [1, 1]]),
        "MaskedConv2D": lambda: networks.MaskedConv2D(4, 3, True),
        "PixelCNN": lambda: pixel_cnn(LATENT_DIM, 1),
        "ScaledColumns": lambda: networks.ScaledColumns.from_data([[0, 1], [7, 2]], (True, False)),
    },
    "initializer": of(networks.Halves, networks.ICNR),
}
