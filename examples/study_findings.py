"""Measure the findings of the article: the second part of the study of generation.

All networks are the article's, which start from random weights: init="random".
"""

import functools

import numpy as np
import torch

from skae import ConvAutoencoder, DenseAutoencoder

N_SAMPLES = 12_000  # training samples in comparisons of training recipes


def measure(data, judge, trained, quick):
    """Return a Markdown list with one item for each finding, over all seeds."""
    dense, conv = trained["article, dense"], trained["article, convolutional"]
    epochs, seeds = 1 if quick else 4, range(len(dense))
    findings = [
        *ones(dense, conv, judge),
        outside_interval(dense, judge),
        loss_per_epoch(dense, conv),
        adam_and_sgd(data, epochs, seeds),
        *nines(data, judge, 1 if quick else 10, seeds),
    ]
    return "\n".join(f"- {finding}" for finding in findings)


def share(values):
    """Return the mean over the seeds as a percentage, with the range if they differ."""
    low, mean, high = (f"{f(values):.1%}" for f in (min, np.mean, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def ones(dense, conv, judge):
    """Measure the fraction of 1s among recognised samples of the article's codes."""
    for name, models in (("dense", dense), ("convolutional", conv)):
        sure, among_these = [], []
        for model in models:
            codes = np.random.default_rng(0).normal(
                0.5, 0.2, (10_000, model.n_components)
            )
            classes, is_sure = recognised(judge, model.inverse_transform(codes))
            sure.append(is_sure.mean())
            among_these.append((classes[is_sure] == 1).mean() if is_sure.any() else 0.0)
        yield (
            f"The article's {name} autoencoder, latent codes from N(0.5, 0.2): "
            f"{share(sure)} of the samples are recognised, and {share(among_these)} of "
            "these are 1s."
        )


def recognised(judge, X):
    """Return the most probable classes, and whether they have 0.95 probability."""
    probabilities = judge.classifier.predict_proba(X.astype(np.float32))
    return probabilities.argmax(axis=1), probabilities.max(axis=1) >= 0.95


def outside_interval(dense, judge):
    """Compare codes outside the range of the sigmoid with codes clipped to it."""
    rng, lines = np.random.default_rng(0), []
    for scale in (0.2, 0.5, 1.0):
        codes = rng.normal(0.5, scale, size=(3_000, dense[0].n_components))
        outside = ((codes < 0) | (codes > 1)).mean()
        as_drawn, clipped = (
            np.mean([judge.precision(ae.inverse_transform(Z)) for ae in dense])
            for Z in (codes, codes.clip(0, 1))
        )
        lines.append(
            f"{as_drawn:.2f} and {clipped:.2f} for N(0.5, {scale}), {outside:.0%} outside"
        )
    return (
        "Latent codes outside [0, 1], the range of the encoder's sigmoid: precision of "
        f"samples from the codes as drawn, and clipped to [0, 1]: {'; '.join(lines)}."
    )


def loss_per_epoch(dense, conv):
    """Return the mean training losses of the article's two networks."""
    both = [np.mean([ae.loss_curve_ for ae in each], axis=0) for each in (dense, conv)]
    steps = [
        f"{epoch}: {both[0][epoch - 1]:.4f} and {both[1][epoch - 1]:.4f}"
        for epoch in (1, 2, 3, 5, 10)
        if epoch <= len(both[1])
    ]
    return f"Loss after each epoch, dense and convolutional: {'; '.join(steps)}."


def adam_and_sgd(data, epochs, seeds):
    """Compare Adam with SGD at several learning rates, for the dense network."""
    recipe = {
        "hidden_layer_sizes": (128,),
        "decoder_hidden_layer_sizes": (256, 512),
        "init": "random",
        "latent_activation": "sigmoid",
        "output_activation": "sigmoid",
        "lr_schedule": "constant",
        "batch_size": 200,
        "max_epochs": epochs,
        "latent_density": None,
    }
    momentum = functools.partial(torch.optim.SGD, momentum=0.9)
    runs = [("Adam, lr=0.001", "adam", 1e-3)]
    runs += [(f"SGD, lr={lr}", "sgd", lr) for lr in (0.1, 1.0)]
    runs += [("SGD with momentum 0.9, lr=1", momentum, 1.0)]
    losses = []
    for name, optimizer, lr in runs:
        by_seed = [
            DenseAutoencoder(optimizer=optimizer, lr=lr, random_state=seed, **recipe)
            .fit(data.X[:N_SAMPLES])
            .loss_curve_[-1]
            for seed in seeds
        ]
        low, mean, high = (f"{f(by_seed):.4f}" for f in (min, np.mean, max))
        losses.append(f"{name}: {mean}" + f" ({low} to {high})" * (low != high))
    n_samples = len(data.X[:N_SAMPLES])
    return f"Loss after {epochs} epochs on {n_samples:,} samples: {'; '.join(losses)}."


def nines(data, judge, epochs, seeds):
    """Measure the fraction of 9s reconstructed as 7s by networks of other sizes."""
    nines = data.X_test[(data.y_test == 9) & (judge.classifier.predict(data.X_test) == 9)]
    recipe = {
        "image_shape": data.image_shape,
        "hidden_layer_sizes": (128,),
        "init": "random",
        "latent_activation": "sigmoid",
        "output_activation": "sigmoid",
        "lr_schedule": "constant",
        "batch_size": 50,  # more steps per sample, for fewer samples than in the article
        "max_epochs": epochs,
        "latent_density": None,
    }
    variants = {
        "16 and 32 filters, 3 x 3 (the article's)": {},
        "32 and 64 filters": {"conv_channels": (32, 64)},
        "kernels of 5 x 5": {"kernel_size": 5},
    }
    for name, params in variants.items():
        sevens, kept, errors = [], [], []
        for seed in seeds:
            ae = ConvAutoencoder(lr=1e-3, random_state=seed, **recipe | params)
            X_reconstructed = ae.fit(data.X[:N_SAMPLES]).reconstruct(nines)
            predicted = judge.classifier.predict(X_reconstructed)
            sevens.append((predicted == 7).mean())
            kept.append((predicted == 9).mean())
            errors.append(-ae.score(data.X_test))
        yield (
            f"9s reconstructed as 7s: {share(sevens)}, and as 9s: {share(kept)}, with "
            f"{name}; test MSE {np.mean(errors):.5f}."
        )
