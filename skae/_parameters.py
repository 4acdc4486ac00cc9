"""The constructor parameters that all estimators share, and their rules."""

import os
from collections.abc import Sequence
from typing import Any, get_args

import torch
from sklearn.base import BaseEstimator

from skae._training import optimizers
from skae._training.callbacks import is_callback_list
from skae._types import (
    Activation,
    Auto,
    Density,
    DensityName,
    Init,
    LastActivation,
    Likelihood,
    Loss,
    Noise,
    Optimizer,
    OptimizerName,
    Penalty,
    Precision,
    RandomState,
    Schedule,
)
from skae._validation import Rule, boolean, integer, one_of, only, real, seed, size
from skae.densities._choose import is_density

COMMON_RULES = {
    "n_components": size() | real(0, 1, open_ends=True) | only(None),
    "max_epochs": one_of("auto") | integer(1),
    "random_state": seed(),
    "batch_size": one_of("auto") | integer(1),
    "init": one_of(*get_args(Init)),
    "activation": one_of(*get_args(Activation)),
    "latent_activation": one_of(*get_args(LastActivation)),
    "output_activation": one_of("auto", *get_args(LastActivation)),
    "loss": one_of(*get_args(Loss)),
    "noise": only(None) | one_of(*get_args(Noise)),
    "noise_level": real(0),
    "latent_penalty": only(None) | one_of(*get_args(Penalty)),
    "latent_penalty_weight": real(0),
    "latent_density": only(None)
    | one_of(*get_args(DensityName))
    | Rule(
        "a density with fit and sample, such as LatentGaussianMixture(50)", is_density
    ),
    "optimizer": one_of(*get_args(OptimizerName))
    | Rule(
        "a torch optimizer class for dense gradients (or a functools.partial of one)",
        optimizers.is_optimizer_class,
    ),
    "lr": real(0, open_ends=True),
    "lr_schedule": one_of("auto", *get_args(Schedule)),
    "weight_decay": one_of("auto") | real(0),
    "max_grad_norm": only(None) | real(0, open_ends=True),
    "shuffle": boolean(),
    "early_stopping": boolean(),
    "validation_fraction": only(None) | real(0, 1, open_ends=True),
    "n_iter_no_change": integer(1),
    "tol": real(0),
    "warm_start": boolean(),
    "checkpoint": only(None)
    | Rule(
        "the path of a folder",
        lambda value: isinstance(value, str | os.PathLike) and bool(os.fspath(value)),
    ),
    "callbacks": only(None)
    | Rule("a list of skorch callbacks or (name, callback) pairs", is_callback_list),
    "precision": one_of(*get_args(Precision)),
    "distributed": boolean(),
    "verbose": boolean() | integer(0),
}


class CommonParameters(BaseEstimator):
    """Store the parameters that all estimators share."""

    random_state: RandomState

    _parameter_rules = COMMON_RULES

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        max_epochs: int | Auto = "auto",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        batch_size: int | Auto = "auto",
        init: Init = "pca",
        activation: Activation = "relu",
        latent_activation: LastActivation = "identity",
        output_activation: LastActivation | Auto = "auto",
        loss: Likelihood = "squared_error",
        noise: Noise | None = None,
        noise_level: float = 0.25,
        latent_penalty: Penalty | None = None,
        latent_penalty_weight: float = 1e-3,
        latent_density: DensityName | Density | None = "gaussian_mixture",
        optimizer: Optimizer = "adam",
        lr: float = 5e-3,
        lr_schedule: Schedule | Auto = "auto",
        weight_decay: float | Auto = "auto",
        max_grad_norm: float | None = None,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] | None = None,
        precision: Precision = "float32",
        distributed: bool = True,
        verbose: int | bool = 0,
    ) -> None:
        self.n_components = n_components
        self.max_epochs = max_epochs
        self.device = device
        self.random_state = random_state
        self.batch_size = batch_size
        self.init = init
        self.activation = activation
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.loss = loss
        self.noise = noise
        self.noise_level = noise_level
        self.latent_penalty = latent_penalty
        self.latent_penalty_weight = latent_penalty_weight
        self.latent_density = latent_density
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.precision = precision
        self.distributed = distributed
        self.verbose = verbose
