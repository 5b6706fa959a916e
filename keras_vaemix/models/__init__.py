"""Models: one class per graphical model or set of updates; everything else is a combination of parts."""

from keras_vaemix.models.adversarial_autoencoder import AdversarialAutoencoder
from keras_vaemix.models.autoencoder import Autoencoder
from keras_vaemix.models.base.autoencoding import AutoencodingModel
from keras_vaemix.models.base.generative import GenerativeModel
from keras_vaemix.models.base.latent import LatentModel
from keras_vaemix.models.base.one_level import OneLevelModel
from keras_vaemix.models.base.pixel_decoding import PixelDecoding
from keras_vaemix.models.base.step import SteppedModel, Update
from keras_vaemix.models.cp_vae import CPVAE
from keras_vaemix.models.empirical_bayes_vae import EmpiricalBayesVAE
from keras_vaemix.models.factor_vae import FactorVAE
from keras_vaemix.models.flex_ae import FlexAE
from keras_vaemix.models.gamix_vae import GAMIXVAE
from keras_vaemix.models.gm_vae import GMVAE
from keras_vaemix.models.hierarchical_vae import HierarchicalVAE
from keras_vaemix.models.mask_aae import MaskAAE
from keras_vaemix.models.pixel_hierarchical_vae import PixelHierarchicalVAE
from keras_vaemix.models.pixel_vae import PixelVAE
from keras_vaemix.models.two_stage_vae import TwoStageVAE
from keras_vaemix.models.vae import VAE
from keras_vaemix.models.vae_iop import VAEIOP

__all__ = [
    "CPVAE",
    "GAMIXVAE",
    "GMVAE",
    "VAE",
    "VAEIOP",
    "AdversarialAutoencoder",
    "Autoencoder",
    "AutoencodingModel",
    "EmpiricalBayesVAE",
    "FactorVAE",
    "FlexAE",
    "GenerativeModel",
    "HierarchicalVAE",
    "LatentModel",
    "MaskAAE",
    "OneLevelModel",
    "PixelDecoding",
    "PixelHierarchicalVAE",
    "PixelVAE",
    "SteppedModel",
    "TwoStageVAE",
    "Update",
]
