"""Make the README's pictures of the gallery's figures, from MNIST.

python docs/make_pictures.py                 # into docs/images; some minutes
SKAE_GALLERY=digits python docs/make_pictures.py --out pictures

MNIST is looked for in the folder that SKAE_DATA names, and downloaded where it is not
there.
"""

import argparse
import os
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"

# The pictures of each script: its figures in order; None is not kept.
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
    """Run a script of the gallery, and save the figures that it leaves open."""
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
