"""What the parameters that all estimators share may be."""

import numpy as np

from skae import optimizers, schedules
from skae.callbacks import are_callbacks
from skae.losses import LOSSES
from skae.networks import ACTIVATION_RANGES, ACTIVATIONS
from skae.parameters import Rule, boolean, integer, one_of, only, real
from skae.precision import PRECISIONS

COMMON_RULES = {
    "n_components": integer(1),
    "activation": one_of(*ACTIVATIONS),
    "latent_activation": one_of(*ACTIVATION_RANGES),
    "output_activation": one_of("auto", *ACTIVATION_RANGES),
    "loss": one_of(*LOSSES),
    "optimizer": one_of(*optimizers.OPTIMIZERS)
    | Rule("a torch optimizer class", optimizers.is_optimizer_class),
    "lr": real(0, open_ends=True),
    "lr_schedule": one_of("auto", *schedules.SCHEDULES),
    "weight_decay": real(0),
    "gradient_clip_value": only(None) | real(0, open_ends=True),
    "batch_size": one_of("auto") | integer(1),
    "shuffle": boolean(),
    "max_epochs": one_of("auto") | integer(1),
    "early_stopping": boolean(),
    "validation_fraction": only(None) | real(0, 1, open_ends=True),
    "n_iter_no_change": integer(1),
    "tol": real(0),
    "warm_start": boolean(),
    "precision": one_of(*PRECISIONS),
    "callbacks": only(None)
    | Rule("a list of skorch callbacks or (name, callback) pairs", are_callbacks),
    "verbose": integer(0) | boolean(),
    "random_state": only(None)
    | integer(0, 2**32 - 1)
    | Rule("a numpy RandomState", lambda value: isinstance(value, np.random.RandomState)),
}
