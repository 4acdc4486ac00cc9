"""How long to train, on how many rows, and at which rate."""

import math

# Defaults of a training run, measured on tables and images (docs/training.md).
MIN_BATCH_SIZE = 32
MAX_BATCH_SIZE = 100
MAX_BATCH_SIZE_OF_MANY = 1000
MAX_STEPS_OF_EPOCH = 1000
TARGET_STEPS = 4000
MIN_STEPS = 200
MAX_EPOCHS = 50
MIN_EPOCHS = 10


def one_cycle(progress):
    """Share of the peak learning rate after a share of the training steps.

    From 1/25 up to the peak in the first 30% of the steps, then down to almost
    nothing, both along half a cosine (Smith and Topin 2019, "Super-convergence").
    """
    warm_up, start, end = 0.3, 1 / 25, 1e-5
    if progress < warm_up:
        rise = (1 - math.cos(math.pi * progress / warm_up)) / 2
        return start + (1 - start) * rise
    fall = (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2
    return end + (1 - end) * fall


def cosine(progress):
    """Share of the peak rate that falls to 0 along half a cosine.

    From Loshchilov and Hutter 2017, "SGDR", without its restarts.
    """
    return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES = {"constant": None, "cosine": cosine, "onecycle": one_cycle}


def training_length(n_rows, batch_size, max_epochs):
    """Rows in a batch and number of epochs, where "auto" depends on `n_rows`.

    Small tables get small batches and more epochs: `TARGET_STEPS` steps where that is
    not more than `MAX_EPOCHS` passes, which overfit them, and `MIN_STEPS` in any case.
    Very many rows get large batches: a step's time is then in the rows, not the calls.
    """
    if batch_size == "auto":
        batch_size = min(max(n_rows // 40, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
        of_many = min(n_rows // MAX_STEPS_OF_EPOCH, MAX_BATCH_SIZE_OF_MANY)
        batch_size = max(batch_size, of_many)
    if max_epochs == "auto":
        steps_per_epoch = math.ceil(n_rows / batch_size)
        most = max(MAX_EPOCHS, math.ceil(MIN_STEPS / steps_per_epoch))
        max_epochs = min(max(round(TARGET_STEPS / steps_per_epoch), MIN_EPOCHS), most)
    return min(int(batch_size), n_rows), int(max_epochs)


def rows_held_out(n_rows, validation_fraction, early_stopping):
    """Number of rows to hold out for validation.

    Raises
    ------
    ValueError
        If none would be left to train on.
    """
    if validation_fraction is None:
        if not early_stopping:
            return 0
        validation_fraction = 0.1
    n_held_out = math.ceil(validation_fraction * n_rows)
    if n_held_out == n_rows:
        raise ValueError(
            f"validation_fraction={validation_fraction} of {n_rows} rows leaves none to "
            "train on. Give more rows, or early_stopping=False and "
            "validation_fraction=None."
        )
    return n_held_out
