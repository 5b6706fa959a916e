"""Networks: functions that return plain `keras.Model`s from tensors to tensors."""

from keras_vaemix.networks.dcgan import dcgan_decoder, dcgan_encoder
from keras_vaemix.networks.gated_conv import GatedConv2D, gated_conv_decoder, gated_conv_encoder
from keras_vaemix.networks.gated_mlp import GatedDense, gated_mlp
from keras_vaemix.networks.halves import Halves
from keras_vaemix.networks.info_gan import info_gan_decoder, info_gan_encoder
from keras_vaemix.networks.joint_conv import joint_conv_decoder, joint_conv_encoder
from keras_vaemix.networks.joint_mlp import joint_gated_mlp
from keras_vaemix.networks.made import MaskedDense, made
from keras_vaemix.networks.mlp import mlp
from keras_vaemix.networks.named_inputs import named_inputs
from keras_vaemix.networks.patch_discriminator import patch_discriminator, receptive_field
from keras_vaemix.networks.pixel_cnn import MaskedConv2D, PixelCNN
from keras_vaemix.networks.resnet_v2 import resnet_v2_decoder, resnet_v2_encoder
from keras_vaemix.networks.scaled_columns import ScaledColumns
from keras_vaemix.networks.upsampling import ICNR, DepthToSpace

__all__ = [
    "ICNR",
    "DepthToSpace",
    "GatedConv2D",
    "GatedDense",
    "Halves",
    "MaskedConv2D",
    "MaskedDense",
    "PixelCNN",
    "ScaledColumns",
    "dcgan_decoder",
    "dcgan_encoder",
    "gated_conv_decoder",
    "gated_conv_encoder",
    "gated_mlp",
    "info_gan_decoder",
    "info_gan_encoder",
    "joint_conv_decoder",
    "joint_conv_encoder",
    "joint_gated_mlp",
    "made",
    "mlp",
    "named_inputs",
    "patch_discriminator",
    "receptive_field",
    "resnet_v2_decoder",
    "resnet_v2_encoder",
]
