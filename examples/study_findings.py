"""What the article found, each in numbers: the study of generation's second part."""

import functools

import numpy as np
import torch

from skae import ConvAutoencoder, DenseAutoencoder

N_ROWS = 12_000  # of the training rows, where only two trainings are compared


def measure(data, judge, trained, quick):
    """Markdown: one line for each finding, over all seeds that were trained."""
    dense, conv = trained["article, dense"], trained["article, convolutional"]
    epochs, seeds = 1 if quick else 4, range(len(dense))
    findings = [
        *ones(dense, conv, judge),
        outside_the_interval(dense, judge),
        by_the_epoch(dense, conv),
        adam_and_sgd(data, epochs, seeds),
        *nines(data, judge, 1 if quick else 10, seeds),
    ]
    return "\n".join(f"- {finding}" for finding in findings)


def share(values):
    """The mean over the seeds as a percentage, with the extremes where they differ."""
    low, mean, high = (f"{f(values):.1%}" for f in (min, np.mean, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def ones(dense, conv, judge):
    """How many of the samples that look like digits are 1s, under the article's codes."""
    for name, models in (("dense", dense), ("convolutional", conv)):
        sure, of_these = [], []
        for model in models:
            codes = np.random.default_rng(0).normal(
                0.5, 0.2, (10_000, model.n_components)
            )
            classes, is_sure = recognised(judge, model.inverse_transform(codes))
            sure.append(is_sure.mean())
            of_these.append((classes[is_sure] == 1).mean() if is_sure.any() else 0.0)
        yield (
            f"The article's {name} autoencoder, codes from N(0.5, 0.2): {share(sure)} of "
            f"the samples are recognised, and {share(of_these)} of these are 1s."
        )


def recognised(judge, rows):
    """The most probable class of rows, and whether its probability is 0.95 or more."""
    probabilities = judge.classifier.predict_proba(rows.astype(np.float32))
    return probabilities.argmax(axis=1), probabilities.max(axis=1) >= 0.95


def outside_the_interval(dense, judge):
    """Codes that a sigmoid cannot put out, beside the nearest that it can."""
    rng, lines = np.random.default_rng(0), []
    for scale in (0.2, 0.5, 1.0):
        codes = rng.normal(0.5, scale, size=(3_000, dense[0].n_components))
        outside = ((codes < 0) | (codes > 1)).mean()
        as_drawn, moved = (
            np.mean([judge.precision(ae.inverse_transform(of)) for ae in dense])
            for of in (codes, codes.clip(0, 1))
        )
        lines.append(
            f"{as_drawn:.2f} and {moved:.2f} of N(0.5, {scale}), {outside:.0%} outside"
        )
    return (
        "Codes outside [0, 1], which the encoder's sigmoid never puts out: precision of "
        "codes as drawn, and moved into the interval: "
        f"{'; '.join(lines)}."
    )


def by_the_epoch(dense, conv):
    """Training losses of the article's two networks, means over the seeds."""
    both = [np.mean([ae.loss_curve_ for ae in each], axis=0) for each in (dense, conv)]
    steps = [
        f"{epoch}: {both[0][epoch - 1]:.4f} and {both[1][epoch - 1]:.4f}"
        for epoch in (1, 2, 3, 5, 10)
        if epoch <= len(both[1])
    ]
    return f"Loss by the epoch, dense and convolutional: {'; '.join(steps)}."


def adam_and_sgd(data, epochs, seeds):
    """The dense recipe with two optimizers, at several rates of SGD."""
    recipe = {
        "hidden_layer_sizes": (128,),
        "decoder_hidden_layer_sizes": (256, 512),
        "latent_activation": "sigmoid",
        "lr_schedule": "constant",
        "batch_size": 200,
        "max_epochs": epochs,
        "latent_density": None,
    }
    momentum = functools.partial(torch.optim.SGD, momentum=0.9)
    runs = [("Adam, rate 0.001", "adam", 1e-3)]
    runs += [(f"SGD, rate {rate}", "sgd", rate) for rate in (0.1, 1.0)]
    runs += [("SGD with momentum 0.9, rate 1", momentum, 1.0)]
    losses = []
    for name, optimizer, lr in runs:
        of_seeds = [
            DenseAutoencoder(optimizer=optimizer, lr=lr, random_state=seed, **recipe)
            .fit(data.X[:N_ROWS])
            .loss_curve_[-1]
            for seed in seeds
        ]
        low, mean, high = (f"{f(of_seeds):.4f}" for f in (min, np.mean, max))
        losses.append(f"{name}: {mean}" + f" ({low} to {high})" * (low != high))
    return f"Loss after {epochs} epochs of {N_ROWS} rows: {'; '.join(losses)}."


def nines(data, judge, epochs, seeds):
    """How many 9s come back as 7s, by networks of other sizes."""
    nines = data.X_test[(data.y_test == 9) & (judge.classifier.predict(data.X_test) == 9)]
    recipe = {
        "image_shape": data.image_shape,
        "hidden_layer_sizes": (128,),
        "latent_activation": "sigmoid",
        "lr_schedule": "constant",
        "batch_size": 50,  # fewer rows than the article's: more steps on each
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
            seen = judge.classifier.predict(ae.fit(data.X[:N_ROWS]).reconstruct(nines))
            sevens.append((seen == 7).mean())
            kept.append((seen == 9).mean())
            errors.append(-ae.score(data.X_test))
        yield (
            f"9s that come back as 7s: {share(sevens)}, and as 9s: {share(kept)}, with "
            f"{name}; test error {np.mean(errors):.5f}."
        )
