"""Autoencoders whose priors and posteriors are mixtures, for Keras 3 and TensorFlow.

Notation, the same in formulas and code:

    x       examples [B, *]               z       latents [B, D] or [S, B, D]
    q       posterior q(z|x)              p       prior p(z)
    S       samples                       B       batch
    K       prior components              M       posterior components
    log_px  log p(x|z)                    log_pz, log_qz   log p(z), log q(z|x)
    beta    weight of the KL divergence   u       pseudo-inputs of a VampPrior

Every figure is in nats, summed over dimensions and averaged over examples.
"""

from keras_vaemix.core.backend import check_backend

check_backend()

from keras_vaemix import callbacks, divergences, evaluation, networks, pretraining, verify
from keras_vaemix.categorical import categories
from keras_vaemix.categorical.category_posteriors import CategoryPosterior, EncodedCategories, HeldCategories
from keras_vaemix.categorical.heads import GatedHeads, Heads, SharedHeads
from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    Columns,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Laplace,
    LearnedScaleNormal,
    LibrarySize,
    Likelihood,
    NegativeBinomial,
    Normal,
    OptimalScaleNormal,
    Poisson,
    PseudoBernoulli,
    Standardized,
    StudentT,
    ZeroInflated,
)
from keras_vaemix.models import (
    CPVAE,
    GAMIXVAE,
    GMVAE,
    VAE,
    VAEIOP,
    AdversarialAutoencoder,
    Autoencoder,
    EmpiricalBayesVAE,
    FactorVAE,
    FlexAE,
    HierarchicalVAE,
    MaskAAE,
    PixelHierarchicalVAE,
    PixelVAE,
    TwoStageVAE,
)
from keras_vaemix.objectives import ELBO, DoublyReparameterized, Draws, ImportanceWeighted, InfoObjective
from keras_vaemix.posteriors import (
    AdditiveCoupling,
    DiagonalNormal,
    HouseholderFlow,
    InverseAutoregressive,
    NormalMixturePosterior,
    PlanarFlow,
    Posterior,
    SampledMixturePosterior,
)
from keras_vaemix.priors import (
    ConditionalNormal,
    DirichletWeights,
    FittedMixture,
    ImplicitPrior,
    LearnedNormal,
    MaskedAutoregressive,
    MixturePrior,
    NormalMixture,
    Prior,
    RealNVP,
    ResampledPrior,
    StandardNormal,
    VampPrior,
    VampPriorMixture,
)
from keras_vaemix.regularizers import adversarial, costs, discrepancies, moments, penalties
from keras_vaemix.storage.packages import from_package
from keras_vaemix.version import __version__

__all__ = [
    "CPVAE",
    "ELBO",
    "GAMIXVAE",
    "GMVAE",
    "VAE",
    "VAEIOP",
    "AdditiveCoupling",
    "AdversarialAutoencoder",
    "Autoencoder",
    "Batch",
    "Bernoulli",
    "Beta",
    "Categorical",
    "CategoryPosterior",
    "Columns",
    "ConditionalNormal",
    "ContinuousBernoulli",
    "DiagonalNormal",
    "DirichletWeights",
    "DiscretizedLogistic",
    "DoublyReparameterized",
    "Draws",
    "EmpiricalBayesVAE",
    "EncodedCategories",
    "FactorVAE",
    "FittedMixture",
    "FlexAE",
    "GatedHeads",
    "Heads",
    "HeldCategories",
    "HierarchicalVAE",
    "HouseholderFlow",
    "ImplicitPrior",
    "ImportanceWeighted",
    "InfoObjective",
    "InverseAutoregressive",
    "Laplace",
    "LearnedNormal",
    "LearnedScaleNormal",
    "LibrarySize",
    "Likelihood",
    "MaskAAE",
    "MaskedAutoregressive",
    "MixturePrior",
    "NegativeBinomial",
    "Normal",
    "NormalMixture",
    "NormalMixturePosterior",
    "OptimalScaleNormal",
    "PixelHierarchicalVAE",
    "PixelVAE",
    "PlanarFlow",
    "Poisson",
    "Posterior",
    "Prior",
    "PseudoBernoulli",
    "RealNVP",
    "ResampledPrior",
    "SampledMixturePosterior",
    "SharedHeads",
    "StandardNormal",
    "Standardized",
    "StudentT",
    "Terms",
    "TwoStageVAE",
    "VampPrior",
    "VampPriorMixture",
    "ZeroInflated",
    "__version__",
    "adversarial",
    "callbacks",
    "categories",
    "costs",
    "discrepancies",
    "divergences",
    "evaluation",
    "from_package",
    "moments",
    "networks",
    "penalties",
    "pretraining",
    "verify",
]
