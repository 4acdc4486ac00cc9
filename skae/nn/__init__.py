"""Torch modules of the estimators, and functions that build them."""

from skae.nn.autoencoder import Autoencoder, Decoder, Encoder, GaussianEncoder
from skae.nn.flows import CouplingFlow
from skae.nn.networks import conv_decoder, conv_encoder, dense_layers

__all__ = [
    "Autoencoder",
    "CouplingFlow",
    "Decoder",
    "Encoder",
    "GaussianEncoder",
    "conv_decoder",
    "conv_encoder",
    "dense_layers",
]
