"""Models: a graphical model or a set of updates each; everything else is a combination of parts."""

from keras_vaemix.models.base import LatentModel
from keras_vaemix.models.cp_vae import CPVAE
from keras_vaemix.models.gm_vae import GMVAE
from keras_vaemix.models.hierarchical_vae import HierarchicalVAE
from keras_vaemix.models.pixel_decoding import PixelDecoding
from keras_vaemix.models.pixel_hierarchical_vae import PixelHierarchicalVAE
from keras_vaemix.models.pixel_vae import PixelVAE
from keras_vaemix.models.step import SteppedModel, Update
from keras_vaemix.models.vae import VAE

__all__ = [
    "CPVAE",
    "GMVAE",
    "VAE",
    "HierarchicalVAE",
    "LatentModel",
    "PixelDecoding",
    "PixelHierarchicalVAE",
    "PixelVAE",
    "SteppedModel",
    "Update",
]
