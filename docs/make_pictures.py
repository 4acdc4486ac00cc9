"""Save figures for the README and the documentation, from MNIST.

Most of them are figures of the gallery.

python docs/make_pictures.py                 # to docs/images; takes some minutes
SKAE_GALLERY=digits python docs/make_pictures.py --out pictures

MNIST is loaded from the folder in the environment variable SKAE_DATA, and downloaded if
it is missing.
"""

import argparse
import os
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"

# File names for the figures of each script, in order; None is not saved.
PICTURES = {
    "plot_02_dense_progress": ["progress", None, None],
    "plot_03_dense_samples": ["random_codes", "samples"],
    "plot_05_codes_2d": ["kernel_pca", None],
}
DOTS_PER_INCH = 150

# The figure of the page "How it works".
N_COMPONENTS = 32
N_TEST = 1000

# The animation of the first page.
LANDING = HERE / "_static" / "landing"
N_LANDING_COMPONENTS = 16
N_LANDING_EPOCHS = 24
N_LANDING_FRAMES = 13
N_GREYS = 24


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "images")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SKAE_GALLERY", "mnist")
    os.environ["MPLBACKEND"] = "agg"
    sys.path.insert(0, str(EXAMPLES))
    for script, names in PICTURES.items():
        save_figures(script, names, out)
    save_start_at_pca(out)
    save_animation(LANDING if out == HERE / "images" else out)


def save_figures(script, names, out):
    """Run a script of the gallery, and save its figures."""
    import matplotlib.pyplot as plt

    plt.close("all")
    runpy.run_path(str(EXAMPLES / f"{script}.py"), run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    for figure, name in zip(figures, names, strict=True):
        if name is not None:
            save(figure, name, out)


def save_start_at_pca(out):
    """Draw the error of test images after each epoch, for both values of `init`."""
    import matplotlib.pyplot as plt
    from gallery_data import load_images
    from sklearn.decomposition import PCA

    images = load_images()
    X_test = images.X_test[:N_TEST]
    pca = PCA(N_COMPONENTS, random_state=0).fit(images.X)
    error_of_pca = mean_square(pca.inverse_transform(pca.transform(X_test)) - X_test)
    figure, axes = plt.subplots(
        1, 2, figsize=(8, 3.4), layout="constrained", sharex=True, sharey=True
    )
    for ax, output_activation in zip(axes, ("identity", "sigmoid"), strict=True):
        for init, color in (("random", "#d55e00"), ("pca", "#0072b2")):
            errors = errors_by_epoch(images, X_test, init, output_activation)
            ax.plot(errors, color=color, marker=".", label=f'init="{init}"')
        ax.axhline(error_of_pca, color="black", linestyle="--", label="PCA", zorder=0)
        ax.set(xlabel="epoch", title=f'output_activation="{output_activation}"')
    axes[0].set(ylabel="mean squared error\nof test images", yscale="log")
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_minor_formatter("")
    axes[1].legend()
    save(figure, "start_at_pca", out)


def save_animation(out):
    """Save an animated GIF that starts at PCA and plays once, and its last frame."""
    import numpy as np
    from gallery_data import load_images
    from PIL import Image, ImageSequence

    from skae import DenseAutoencoder
    from skae.callbacks import ReconstructionRecorder

    images = load_images()
    n_epochs = images.epochs(mnist=N_LANDING_EPOCHS, digits=N_LANDING_EPOCHS)
    recorder = ReconstructionRecorder(images.X_test[:10], max_frames=N_LANDING_FRAMES)
    ae = DenseAutoencoder(
        N_LANDING_COMPONENTS,
        max_epochs=n_epochs,
        latent_density=None,
        callbacks=[recorder],
        random_state=0,
    ).fit(images.X)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "from_pca.gif"
    recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
    recorder.save_gif(path, image_shape=images.image_shape, frames_per_second=4)
    with Image.open(path) as animation:
        frames, durations = [], []
        for frame in ImageSequence.Iterator(animation):
            durations.append(frame.info["duration"])
            grey = Image.fromarray(np.asarray(frame.convert("L")))
            frames.append(grey.quantize(N_GREYS, dither=Image.Dither.NONE))
    frames[-1].save(path.with_suffix(".png"))
    # Without a loop, browsers play it once: motion that does not end distracts readers.
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations)
    print(path)


def errors_by_epoch(images, X_test, init, output_activation):
    """Train an autoencoder; return its test error before training and by epoch."""
    from skae import DenseAutoencoder
    from skae.callbacks import ReconstructionRecorder

    n_epochs = images.epochs(mnist=20, digits=50)
    ae = DenseAutoencoder(
        N_COMPONENTS,
        init=init,
        output_activation=output_activation,
        max_epochs=n_epochs,
        latent_density=None,
        callbacks=[ReconstructionRecorder(X_test, max_frames=n_epochs + 1)],
        random_state=0,
    ).fit(images.X)
    recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
    return [mean_square(frame - X_test) for frame in recorder.reconstructions_]


def mean_square(errors):
    return float((errors**2).mean())


def save(figure, name, out):
    path = out / f"{name}.png"
    figure.savefig(path, dpi=DOTS_PER_INCH)
    print(path)


if __name__ == "__main__":
    main()
