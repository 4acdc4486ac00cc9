"""What the article found, each in numbers: the study of generation's second part."""

import functools

import numpy as np
import torch

from skae import ConvAutoencoder, DenseAutoencoder

N_ROWS = 12_000  # of the training rows, where only two trainings are compared


def measure(data, judge, trained, quick):
    """Markdown: one line for each finding."""
    dense, _ = trained["article, dense"]
    conv, _ = trained["article, convolutional"]
    epochs = 1 if quick else 4
    findings = [
        outside_the_interval(dense, judge),
        by_the_epoch(dense, conv),
        adam_and_sgd(data, epochs),
        *nines(data, judge, epochs),
    ]
    return "\n".join(f"- {finding}" for finding in findings)


def outside_the_interval(dense, judge):
    """Codes that a sigmoid cannot put out, beside some that it can."""
    rng, shares = np.random.default_rng(0), []
    for scale in (0.2, 0.5, 1.0):
        codes = rng.normal(0.5, scale, size=(2_000, dense.n_components))
        decoded = dense.inverse_transform(codes.astype(np.float32))
        sure = judge.classifier.predict_proba(decoded).max(axis=1) >= 0.95
        outside = ((codes < 0) | (codes > 1)).mean()
        shares.append(f"{sure.mean():.1%} of N(0.5, {scale}), {outside:.0%} outside")
    return (
        "Codes outside [0, 1], which the encoder's sigmoid never puts out, decode into "
        f"what is recognised as: {'; '.join(shares)}."
    )


def by_the_epoch(dense, conv):
    """Training losses of the article's two networks."""
    both = zip(dense.loss_curve_, conv.loss_curve_, strict=False)
    steps = [f"{i}: {d:.4f} and {c:.4f}" for i, (d, c) in enumerate(both, 1)]
    return f"Loss by the epoch, dense and convolutional: {'; '.join(steps)}."


def adam_and_sgd(data, epochs):
    """The dense recipe with two optimizers, at several rates of SGD."""
    recipe = {
        "hidden_layer_sizes": (128,),
        "decoder_hidden_layer_sizes": (256, 512),
        "latent_activation": "sigmoid",
        "lr_schedule": "constant",
        "batch_size": 200,
        "max_epochs": epochs,
        "latent_density": None,
        "random_state": 0,
    }
    momentum = functools.partial(torch.optim.SGD, momentum=0.9)
    runs = [("Adam, rate 0.001", "adam", 1e-3)]
    runs += [(f"SGD, rate {rate}", "sgd", rate) for rate in (0.1, 1.0)]
    runs += [("SGD with momentum 0.9, rate 1", momentum, 1.0)]
    losses = []
    for name, optimizer, lr in runs:
        ae = DenseAutoencoder(optimizer=optimizer, lr=lr, **recipe).fit(data.X[:N_ROWS])
        losses.append(f"{name}: {ae.loss_curve_[-1]:.4f}")
    return f"Loss after {epochs} epochs of {N_ROWS} rows: {'; '.join(losses)}."


def nines(data, judge, epochs):
    """How many 9s come back as 7s, by networks of other sizes."""
    nines = data.X_test[(data.y_test == 9) & (judge.classifier.predict(data.X_test) == 9)]
    variants = {
        "16 and 32 filters, 3 x 3 (the article's)": {},
        "32 and 64 filters": {"conv_channels": (32, 64)},
        "kernels of 5 x 5": {"kernel_size": 5},
    }
    for name, params in variants.items():
        ae = ConvAutoencoder(
            **{
                "image_shape": data.image_shape,
                "hidden_layer_sizes": (128,),
                "latent_activation": "sigmoid",
                "lr": 1e-3,
                "lr_schedule": "constant",
                "batch_size": 200,
                "max_epochs": 2 * epochs,
                "latent_density": None,
                "random_state": 0,
            }
            | params
        ).fit(data.X[:N_ROWS])
        seen = judge.classifier.predict(ae.reconstruct(nines))
        sevens, error = (seen == 7).mean(), -ae.score(data.X_test)
        yield (
            f"9s that come back as 7s, and as 9s: {sevens:.1%}, {(seen == 9).mean():.1%} "
            f"with {name}; test error {error:.5f}."
        )
