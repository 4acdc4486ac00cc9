"""The constructor parameters that all estimators share, and their rules."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skae._training import optimizers, schedules
from skae._training.callbacks import is_callback_list
from skae._training.precision import PRECISIONS
from skae._validation import Rule, boolean, integer, one_of, only, real, seed, size
from skae.densities._choose import DENSITIES, is_density
from skae.nn.corruption import CORRUPTIONS
from skae.nn.losses import LATENT_PENALTIES, LOSSES
from skae.nn.networks import ACTIVATION_RANGES, ACTIVATIONS

COMMON_RULES = {
    "n_components": size() | real(0, 1, open_ends=True) | only(None),
    "max_epochs": one_of("auto") | integer(1),
    "random_state": seed(),
    "batch_size": one_of("auto") | integer(1),
    "init": one_of("pca", "random"),
    "activation": one_of(*ACTIVATIONS),
    "latent_activation": one_of(*ACTIVATION_RANGES),
    "output_activation": one_of("auto", *ACTIVATION_RANGES),
    "loss": one_of(*LOSSES),
    "noise": only(None) | one_of(*CORRUPTIONS),
    "noise_level": real(0),
    "latent_penalty": only(None) | one_of(*LATENT_PENALTIES),
    "latent_penalty_weight": real(0),
    "latent_density": only(None)
    | one_of(*DENSITIES)
    | Rule(
        "a density with fit and sample, such as LatentGaussianMixture(50)", is_density
    ),
    "optimizer": one_of(*optimizers.OPTIMIZERS)
    | Rule(
        "a torch optimizer class for dense gradients (or a functools.partial of one)",
        optimizers.is_optimizer_class,
    ),
    "lr": real(0, open_ends=True),
    "lr_schedule": one_of("auto", *schedules.SCHEDULES),
    "weight_decay": real(0),
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
    "precision": one_of(*PRECISIONS),
    "distributed": boolean(),
    "verbose": boolean() | integer(0),
}


class CommonParameters(BaseEstimator):
    """Store the parameters that all estimators share."""

    _parameter_rules = COMMON_RULES

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        max_epochs: int | str = "auto",
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        batch_size: int | str = "auto",
        init: str = "pca",
        activation: str = "relu",
        latent_activation: str = "identity",
        output_activation: str = "auto",
        loss: str = "squared_error",
        noise: str | None = None,
        noise_level: float = 0.25,
        latent_penalty: str | None = None,
        latent_penalty_weight: float = 1e-3,
        latent_density: Any = "gaussian_mixture",
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float = 5e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 0.0,
        max_grad_norm: float | None = None,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] | None = None,
        precision: str = "float32",
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
