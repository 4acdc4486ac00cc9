"""Laws for all estimators, data and parameters; hypothesis looks for exceptions."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)
from skae.saving import load_model, save_model

# Each example trains a network. The same examples in each run: a failure is no surprise
# to whoever changes something else.
LAW = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::skae.exceptions.OutputRangeWarning"),
    pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skae.exceptions.ColumnScaleWarning"),
    pytest.mark.filterwarnings("ignore::skae.exceptions.ImageShapeWarning"),
]

CLASSES = (
    DenseAutoencoder,
    DenseVariationalAutoencoder,
    ConvAutoencoder,
    ConvVariationalAutoencoder,
)

CONTAINERS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "list": lambda X: X.tolist(),
    "data frame": lambda X: pd.DataFrame(X).rename(columns=str),
    "torch": torch.tensor,
}


@st.composite
def estimators(draw, **fixed):
    """An unfitted estimator that trains quickly."""
    kind = draw(st.sampled_from(CLASSES))
    params = {
        "n_components": draw(st.sampled_from([1, 2, 5, None])),
        "hidden_layer_sizes": draw(st.sampled_from([(), (6,), (5, 4)])),
        "max_epochs": draw(st.integers(1, 3)),
        "batch_size": draw(st.sampled_from([1, 7, "auto"])),
        "init": draw(st.sampled_from(["pca", "random"])),
        "activation": draw(st.sampled_from(["relu", "tanh"])),
        "shuffle": draw(st.booleans()),
        "noise": draw(st.sampled_from([None, "gaussian"])),
        "latent_density": draw(st.sampled_from(["normal", "gaussian_mixture"])),
        "random_state": draw(st.integers(0, 3)),
    }
    if "Conv" in kind.__name__:
        params |= {"conv_channels": (2,), "hidden_layer_sizes": ()}
    if "Variational" not in kind.__name__ and "init" not in fixed:
        params["latent_activation"] = draw(st.sampled_from(["identity", "tanh"]))
    return kind(**params | fixed)


@st.composite
def tables(draw, dtypes=("float32", "float64", "int16", "uint8")):
    """A table of numbers from a few values or from many, constant columns included."""
    shape = draw(st.tuples(st.integers(3, 25), st.integers(1, 7)))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    if dtype.kind == "f":
        elements = st.floats(-1000, 1000, width=32).map(lambda x: round(x, 3))
    else:
        elements = st.integers(0, draw(st.sampled_from([1, 200])))
    return draw(arrays(dtype, shape, elements=elements))


def normal_table(seed, n_samples=20, n_features=4):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((n_features, n_features))
    return rng.standard_normal((n_samples, n_features)) @ mixed


def codes_of(ae, X):
    return np.asarray(ae.transform(X), dtype=np.float64)


def assert_close(actual, expected, tolerance=1e-5):
    scale = np.abs(expected).max(initial=1e-30)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


@LAW
@given(estimators(), tables())
def test_decoded_codes_have_the_shape_of_the_samples(ae, X):
    codes = ae.fit(X).transform(X)
    assert codes.shape == (len(X), ae.n_components_)
    decoded = ae.inverse_transform(codes)
    assert decoded.shape == X.shape
    assert_close(decoded, ae.reconstruct(X))
    assert ae.score_samples(X).shape == (len(X),)


@LAW
@given(estimators(), tables(), st.sampled_from(sorted(CONTAINERS)))
def test_the_container_does_not_matter_and_is_not_changed(ae, X, name):
    given, kept = CONTAINERS[name](X), X.copy()
    expected = codes_of(ae.fit(X), X)
    codes = codes_of(ae.fit(given), given)
    np.testing.assert_array_equal(np.asarray(given), kept)
    assert_close(codes, expected)


@LAW
@given(
    # Rounding grows in many steps, and if there is hardly an error to reduce.
    estimators(
        init="pca",
        output_activation="identity",
        noise=None,
        n_components=2,
        max_epochs=1,
        batch_size=20,
    ),
    st.integers(0, 1000),
    st.floats(-8, 8),
    st.floats(-1e6, 1e6),
)
def test_reconstructions_scale_and_shift_with_the_data(ae, seed, exponent, shift):
    X, scale = normal_table(seed), 10.0**exponent
    expected, codes = ae.fit(X).reconstruct(X), codes_of(ae, X)
    changed = scale * (X + shift)
    actual = ae.fit(changed).reconstruct(changed) / scale - shift
    assert_close(actual, expected, 1e-3)
    assert_close(codes_of(ae, changed), codes, 1e-3)


@LAW
@given(estimators(), tables(), st.randoms(use_true_random=False))
def test_codes_follow_the_order_of_the_samples(ae, X, random):
    order = list(range(len(X)))
    random.shuffle(order)
    codes = codes_of(ae.fit(X), X)
    assert_close(codes_of(ae, X[order]), codes[order])


@LAW
@given(estimators(), tables(), st.data())
def test_samples_are_encoded_one_by_one_as_together(ae, X, data):
    cut = data.draw(st.integers(1, len(X) - 1))
    whole = codes_of(ae.fit(X), X)
    assert_close(np.vstack([codes_of(ae, X[:cut]), codes_of(ae, X[cut:])]), whole)


@LAW
@given(estimators(), tables(dtypes=("float32", "float64")))
def test_saved_models_are_the_same_bit_for_bit(tmp_path, ae, X):
    path = tmp_path / "model.safetensors"
    save_model(ae.fit(X), path)
    for loaded in (pickle.loads(pickle.dumps(ae)), load_model(path)):
        np.testing.assert_array_equal(loaded.transform(X), ae.transform(X))
        np.testing.assert_array_equal(
            loaded.sample(3, random_state=0), ae.sample(3, random_state=0)
        )


@LAW
@given(estimators(), tables(), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_samples_are_determined_by_their_seed_alone(ae, X, n_samples, seed):
    first = ae.fit(X).sample(n_samples, random_state=seed)
    assert first.shape == (n_samples, *X.shape[1:])
    assert np.isfinite(first).all()
    ae.sample(2)
    torch.manual_seed(seed)
    np.testing.assert_array_equal(ae.sample(n_samples, random_state=seed), first)


@LAW
@given(estimators(), tables())
def test_two_fits_give_the_same_model(ae, X):
    first = ae.fit(X)
    codes, curve = codes_of(first, X), list(first.loss_curve_)
    np.testing.assert_array_equal(codes_of(ae.fit(X), X), codes)
    assert ae.loss_curve_ == curve
