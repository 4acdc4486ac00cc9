"""Use autoencoders in place of PCA: a tour of skae in one script.

python examples/quickstart.py                    # scikit-learn's digits, no download
python examples/quickstart.py --dataset mnist --device cuda
"""

import argparse
import pathlib
import time

import matplotlib

matplotlib.use("agg")
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, KernelPCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import DenseAutoencoder
from skae.datasets import fetch_images
from skae.displays import LatentScatterDisplay, ReconstructionDisplay

N_COMPONENTS = 16
N_SEARCH = 2_000  # samples for the grid search
N_SCATTER = 3_000  # samples in the scatter plot: KernelPCA stores a matrix of all pairs


def main():
    options = parse_options()
    options.out.mkdir(parents=True, exist_ok=True)
    X_train, X_test, y_train, y_test, image_shape = load(options.dataset)
    settings = {"device": options.device, "random_state": 0}
    if options.max_epochs:
        settings["max_epochs"] = options.max_epochs

    print(f"{options.dataset}: {len(X_train)} training and {len(X_test)} test images\n")

    # An autoencoder is a transformer. Here, KernelPCA reduces its latent codes to 3-D.
    pipe = Pipeline(
        [
            ("scale", MinMaxScaler(clip=True)),
            ("ae", DenseAutoencoder(N_COMPONENTS, **settings)),
            ("unit_variance", StandardScaler()),  # all components share a kernel width
            ("kpca", KernelPCA(3, kernel="rbf")),
        ]
    )
    X_scatter, y_scatter = X_train[:N_SCATTER], y_train[:N_SCATTER]
    codes_3d = pipe.fit_transform(X_scatter)
    LatentScatterDisplay.from_predictions(
        codes_3d,
        y_scatter,
        title=f"KernelPCA (RBF kernel) of latent codes, {N_COMPONENTS} components",
    ).figure_.savefig(options.out / "kernel_pca.png", dpi=150)

    # Compare with PCA: reconstruction errors, and latent codes as features.
    ae = DenseAutoencoder(N_COMPONENTS, **settings).fit(X_train)
    pca = PCA(N_COMPONENTS).fit(X_train)
    print_errors(ae, pca, X_test)
    ReconstructionDisplay.from_estimator(
        ae, X_test[:10], image_shape=image_shape
    ).figure_.savefig(options.out / "reconstructions.png", dpi=150)
    print_accuracies(ae, pca, X_train, X_test, y_train, y_test)

    # Choose the number of components by the accuracy of a classifier.
    search = GridSearchCV(
        make_pipeline(
            DenseAutoencoder(**settings),
            StandardScaler(),
            LogisticRegression(max_iter=1000),
        ),
        {"denseautoencoder__n_components": [2, 8, 32]},
        cv=3,
    ).fit(X_train[:N_SEARCH], y_train[:N_SEARCH])
    print("\ngrid search over n_components:")
    for params, accuracy in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        n_components = params["denseautoencoder__n_components"]
        print(f"  {n_components:3d} components: accuracy {accuracy:.3f}")
    print(f"\nfigures: {options.out}/reconstructions.png, {options.out}/kernel_pca.png")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dataset",
        default="digits",
        choices=["digits", "mnist", "fashion-mnist", "kmnist", "cifar-10", "svhn"],
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--max-epochs", type=int, help="default: that of the estimator")
    parser.add_argument("--out", type=pathlib.Path, default="quickstart_output")
    return parser.parse_args()


def load(dataset):
    """Return training and test data in [0, 1], their classes and the image shape."""
    if dataset == "digits":
        digits = load_digits()
        parts = train_test_split(digits.data / 16, digits.target, random_state=0)
        return *parts, (1, 8, 8)
    train, test = (fetch_images(dataset, subset=part) for part in ("train", "test"))
    return train.data, test.data, train.target, test.target, train.image_shape


def print_errors(ae, pca, X_test):
    pca_error = ((pca.inverse_transform(pca.transform(X_test)) - X_test) ** 2).mean()
    print(f"mean squared error of test images, {N_COMPONENTS} components:")
    print(f"  PCA               {pca_error:.5f}")
    print(f"  DenseAutoencoder  {-ae.score(X_test):.5f}\n")


def print_accuracies(ae, pca, X_train, X_test, y_train, y_test):
    print(f"{'logistic regression on':24}{'features':>8}{'accuracy':>10}{'seconds':>9}")
    for name, features in (
        ("raw pixels", lambda X: X),
        ("PCA components", pca.transform),
        ("latent codes", ae.transform),
    ):
        Z_train, Z_test = features(X_train), features(X_test)
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        start = time.perf_counter()
        classifier.fit(Z_train, y_train)
        seconds = time.perf_counter() - start
        accuracy = classifier.score(Z_test, y_test)
        print(f"  {name:22}{Z_train.shape[1]:8d}{accuracy:10.3f}{seconds:9.2f}")


if __name__ == "__main__":
    main()
