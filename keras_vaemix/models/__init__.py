"""Models: a graphical model or a set of updates each; everything else is a combination of parts."""

from keras_vaemix.models.base import LatentModel, Update
from keras_vaemix.models.pixel_vae import PixelVAE
from keras_vaemix.models.vae import VAE

__all__ = ["VAE", "LatentModel", "PixelVAE", "Update"]
