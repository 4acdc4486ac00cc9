"""Save figures of the gallery for the README and the documentation, from MNIST.

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


def save_figures(script, names, out):
    """Run a script of the gallery, and save its figures."""
    import matplotlib.pyplot as plt

    plt.close("all")
    runpy.run_path(str(EXAMPLES / f"{script}.py"), run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    for figure, name in zip(figures, names, strict=True):
        if name is not None:
            figure.savefig(out / f"{name}.png", dpi=DOTS_PER_INCH)
            print(out / f"{name}.png")


if __name__ == "__main__":
    main()
