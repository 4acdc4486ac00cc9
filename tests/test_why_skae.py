"""The features that the page "Why skae" names are those of skae."""

import pathlib
import re

import numpy as np
import onnxruntime
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import skae
from skae import AutoencoderDetector, ConvAutoencoder, DenseAutoencoder

PAGE = pathlib.Path(skae.__file__).parents[1] / "docs" / "why_skae.md"
ESTIMATORS = [
    skae.DenseAutoencoder,
    skae.ConvAutoencoder,
    skae.DenseVariationalAutoencoder,
    skae.ConvVariationalAutoencoder,
]
CHECKS = {}


def check_of(feature):
    """Register a function that returns whether skae has a feature."""

    def register(function):
        CHECKS[feature] = function
        return function

    return register


def claims(text):
    """Return the cells of skae's column by feature, as in a table of the page."""
    (table,) = re.findall(r"<!-- begin features -->(.*?)<!-- end", text, re.S)
    header, _, *lines = (
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in table.strip().splitlines()
    )
    column = header.index("skae")
    assert {len(line) for line in lines} == {len(header)}
    return {line[0]: line[column] for line in lines}


CLAIMS = claims(PAGE.read_text())


@pytest.fixture(scope="module")
def X():
    """A curved surface in five columns, with a little noise."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, size=(300, 2))
    surface = np.c_[u, u**2, u[:, :1] * u[:, 1:]]
    return (surface + rng.normal(0, 0.01, surface.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def ae(X):
    return DenseAutoencoder(2, random_state=0).fit(X[:200])


@check_of("nonlinear")
def _(ae, X):
    middle = ae.transform((X[:50] + X[50:100]) / 2)
    mean = (ae.transform(X[:50]) + ae.transform(X[50:100])) / 2
    return bool(abs(middle - mean).max() > 0.01)


@check_of("codes of new samples")
def _(ae, X):
    return ae.transform(X[200:]).shape == (100, 2)


@check_of("reconstructions from codes")
def _(ae, X):
    errors = ae.inverse_transform(ae.transform(X[200:])) - X[200:]
    return bool((errors**2).mean() < 0.1 * X.var(axis=0).mean())


@check_of("held-out comparison with PCA in `fit`")
def _(ae, X):
    rng = np.random.default_rng(0)
    linear = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    linear += rng.normal(0, 0.3, linear.shape)
    return DenseAutoencoder(2, random_state=0).fit(linear).n_iter_ == 0 < ae.n_iter_


@check_of("clones, Pipelines and searches")
def _(ae, X):
    pipe = make_pipeline(StandardScaler(), clone(ae).set_params(max_epochs=1))
    grid = {"denseautoencoder__n_components": [1, 2]}
    return len(GridSearchCV(pipe, grid, cv=2).fit(X).cv_results_["params"]) == 2


@check_of("convolutional networks")
def _(ae, X):
    conv = ConvAutoencoder(2, max_epochs=1).fit(X.reshape(-1, 1, 5)[:20])
    return any(isinstance(layer, nn.Conv2d) for layer in conv.encoder_.modules())


@check_of("your own networks")
def _(ae, X):
    class Own(skae.BaseAutoencoder):
        def _build_networks(self, n_features):
            encoder = nn.Sequential(nn.Linear(n_features, 7), nn.Tanh(), nn.Linear(7, 2))
            return encoder, nn.Sequential(nn.Linear(2, 7), nn.Tanh(), nn.Linear(7, 5))

    own = Own(2, max_epochs=1).fit(X)
    return any(isinstance(layer, nn.Tanh) for layer in own.encoder_.modules())


@check_of("variational models")
def _(ae, X):
    vae = skae.DenseVariationalAutoencoder(2, max_epochs=5, random_state=0).fit(X)
    mean, std = vae.posterior(X)
    return mean.shape == std.shape == (300, 2) and bool((std > 0).all())


@check_of("generates samples")
def _(ae, X):
    samples = ae.sample(200, random_state=0)
    return samples.shape == (200, 5) and len(np.unique(samples, axis=0)) == 200


@check_of("anomaly scores")
def _(ae, X):
    detector = AutoencoderDetector(random_state=0).fit(X[:200])
    return bool(detector.score_samples(X[200:] + 5).max() < detector.offset_)


@check_of("p-values of anomalies")
def _(ae, X):
    detector = AutoencoderDetector(random_state=0).fit(X[:200])
    return bool(detector.p_values(X[200:] + 5).max() < 0.05 < detector.p_values(X).max())


@check_of("`partial_fit`")
def _(ae, X):
    streamed = DenseAutoencoder(2, random_state=0).partial_fit(X[:100])
    before = streamed.transform(X)
    return not np.array_equal(streamed.partial_fit(X[100:]).transform(X), before)


@check_of("GPU")
def _(ae, X):
    on_gpu = DenseAutoencoder(2, max_epochs=1, device="cuda")
    if torch.cuda.is_available():
        return next(on_gpu.fit(X).module_.parameters()).is_cuda
    with pytest.raises(ValueError, match=r"cuda.*not available"):
        on_gpu.fit(X)
    return "cuda" in str(on_gpu.device)


@check_of("ONNX")
def _(ae, X):
    session = onnxruntime.InferenceSession(ae.to_onnx("encoder").SerializeToString())
    return np.allclose(session.run(None, {"X": X})[0], ae.transform(X), atol=1e-4)


@check_of("leaves global random states alone")
def _(ae, X):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    DenseAutoencoder(2, max_epochs=1, random_state=0).fit(X).sample(3)
    after = np.random.get_state()[1], torch.get_rng_state()  # noqa: NPY002
    return all((a == b).all() for a, b in zip(before, after, strict=True))


@check_of("fit without training")
def _(ae, X):
    return ae.n_iter_ == 0


@check_of("components in order of variance")
def _(ae, X):
    digits = load_digits().data / 16
    codes = DenseAutoencoder(8, random_state=0).fit(digits).transform(digits)
    return bool((np.diff(codes.var(axis=0)) <= 0).all())


@check_of("neighbourhoods as the aim")
def _(ae, X):
    return any("n_neighbors" in estimator().get_params() for estimator in ESTIMATORS)


@check_of("sparse `X`")
def _(ae, X):
    try:
        DenseAutoencoder(2, max_epochs=1).fit(scipy.sparse.csr_matrix(X))
    except TypeError:
        return False
    return True


@check_of("detectors for graphs and time series")
def _(ae, X):
    detectors = {name for name in skae.__all__ if name.endswith("Detector")}
    return detectors != {"AutoencoderDetector"}


@check_of("vector-quantised models")
def _(ae, X):
    names = [*skae.__all__, *skae.nn.__all__]
    return any(re.search("quanti|codebook", name, re.I) for name in names)


@pytest.mark.parametrize("feature", CLAIMS)
def test_skae_has_the_features_that_the_page_names(feature, ae, X):
    has_it = CHECKS[feature](ae, X)
    assert isinstance(has_it, bool)
    assert CLAIMS[feature] == ("yes" if has_it else "no")


def test_every_check_belongs_to_a_line_of_the_page():
    assert set(CHECKS) == set(CLAIMS)


def test_a_false_claim_is_read_as_the_page_has_it():
    planted = PAGE.read_text().replace("| nonlinear | yes |", "| nonlinear | no |")
    assert claims(planted) == CLAIMS | {"nonlinear": "no"}


def test_areas_under_the_curve_are_those_of_the_results():
    """The pages repeat means of the tables of "Results of anomaly detection"."""
    results = (PAGE.parent / "anomaly_results.md").read_text()
    lines = re.findall(r"^\| \*\*mean\*\* \|(.*)\|$", results, re.M)
    normal, _, pyod = (re.findall(r"\d\.\d+", line) for line in lines)
    prose = " ".join(PAGE.read_text().split())
    skae_area, *of_pyod = re.findall(r"\d\.\d{3}", prose.split("its mean area under")[1])
    assert [skae_area, *of_pyod[:3]] == pyod[:4]
    faq = " ".join((PAGE.parent / "faq.md").read_text().split())
    areas = re.search(r"\((\S+) compared with (\S+), mean area", faq).groups()
    assert areas == (normal[2], normal[0])
