"""The length of training, the size of the validation set, and the learning rate."""

import math

import numpy as np

# Defaults of a training run, measured on tables and images:
# docs/benchmarks/design_notes.md.
STEPS_OF_SMALL = 16
MIN_BATCH_SIZE = 32
MAX_BATCH_SIZE = 100
MAX_BATCH_SIZE_OF_MANY = 1000
MAX_STEPS_OF_EPOCH = 1000
TARGET_STEPS = 4000
MIN_STEPS = 200
MAX_EPOCHS = 30
MAX_EPOCHS_OF_SMALL = 50
MAX_SAMPLES_OF_SMALL = 1500
MIN_EPOCHS = 10


def one_cycle(progress):
    """Return the learning rate as a fraction of its peak, after a fraction of the steps.

    It rises from 1/25 to the peak in the first 30% of the steps, then falls to almost 0,
    both along half a cosine (Smith and Topin 2019, "Super-convergence").
    """
    warm_up, start, end = 0.3, 1 / 25, 1e-5
    if progress < warm_up:
        rise = (1 - math.cos(math.pi * progress / warm_up)) / 2
        return start + (1 - start) * rise
    fall = (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2
    return end + (1 - end) * fall


def cosine(progress):
    """Return the learning rate as a fraction of its peak: it falls along half a cosine.

    Loshchilov and Hutter 2017, "SGDR", without restarts.
    """
    return (1 + math.cos(math.pi * progress)) / 2


# Of small data, a fifth is held out to compare training with PCA, and is worth a second
# training with all samples. Of other data, it is a tenth, and at most a thousand.
COMPARISON_SHARE = 0.2
COMPARISON_SHARE_OF_MANY = 0.1
MAX_COMPARISON = 1000


def comparison_size(n_samples):
    """Return the number of samples by which training is compared with PCA."""
    is_small = n_samples <= MAX_SAMPLES_OF_SMALL
    share = COMPARISON_SHARE if is_small else COMPARISON_SHARE_OF_MANY
    n_held_out = min(math.ceil(share * n_samples), MAX_COMPARISON)
    return n_held_out if n_held_out < n_samples else 0


def split(n_samples, n_held_out, rng):
    """Return the sorted indices of samples to train on, and of those to hold out.

    Parameters
    ----------
    n_samples, n_held_out : int
    rng : RandomState or None
        None holds the last samples out.
    """
    order = np.arange(n_samples) if rng is None else rng.permutation(n_samples)
    n_others = n_samples - n_held_out
    return np.sort(order[:n_others]), np.sort(order[n_others:])


SCHEDULES = {"constant": None, "cosine": cosine, "onecycle": one_cycle}


def training_length(n_rows, batch_size, max_epochs):
    """Return the batch size and the number of epochs; "auto" depends on `n_rows`.

    Small tables get small batches and more epochs: `TARGET_STEPS` steps, but no more than
    the largest number of epochs, because more would overfit, and at least `MIN_STEPS`
    steps. Large data sets get large batches, which make the overhead of a step
    negligible.
    """
    if batch_size == "auto":
        batch_size = min(max(n_rows // STEPS_OF_SMALL, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
        of_many = min(n_rows // MAX_STEPS_OF_EPOCH, MAX_BATCH_SIZE_OF_MANY)
        batch_size = max(batch_size, of_many)
    batch_size = int(batch_size)  # small types of NumPy overflow
    if max_epochs == "auto":
        steps_per_epoch = -(-n_rows // batch_size)
        is_small = n_rows <= MAX_SAMPLES_OF_SMALL
        most = MAX_EPOCHS_OF_SMALL if is_small else MAX_EPOCHS
        most = max(most, math.ceil(MIN_STEPS / steps_per_epoch))
        max_epochs = min(max(round(TARGET_STEPS / steps_per_epoch), MIN_EPOCHS), most)
    return min(batch_size, n_rows), int(max_epochs)


def validation_size(n_rows, validation_fraction, early_stopping):
    """Return the size of the validation set.

    Raises
    ------
    ValueError
        If there would be no training samples.
    """
    if validation_fraction is None:
        if not early_stopping:
            return 0
        validation_fraction = 0.1
    n_held_out = math.ceil(float(validation_fraction) * n_rows)
    if n_held_out == n_rows:
        raise ValueError(
            f"validation_fraction={validation_fraction} of {n_rows} "
            f"sample{'s' * (n_rows > 1)} leaves no training samples. Pass more samples, "
            "or set early_stopping=False and validation_fraction=None."
        )
    return n_held_out
