"""ONNX models compute what the methods of the estimators compute."""

import pickle
import sys
import warnings

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from helpers import small_conv, small_dense, small_dense_variational
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import KernelPCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from skae import BaseAutoencoder, BaseVariationalAutoencoder
from skae.nn.networks import ACTIVATION_RANGES, ACTIVATIONS

with warnings.catch_warnings():  # of the packages that they import
    warnings.simplefilter("ignore")
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:onnx", "ignore::DeprecationWarning:skl2onnx"
)

PARTS = {
    "encoder": "transform",
    "decoder": "inverse_transform",
    "reconstruction": "reconstruct",
    "score_samples": "score_samples",
}


def run(model, X):
    """Return the outputs of an ONNX model."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: X})


def assert_close(result, expected, rounding=0):
    """Assert that two arrays have the same type and shape, and almost the same values."""
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    atol = max(rounding, 1e-5 * max(1, np.abs(expected).max()))
    np.testing.assert_allclose(result, expected, rtol=0, atol=atol)


def assert_converted(estimator, X):
    """Assert that all parts of a fitted estimator agree, for one and many samples."""
    for part, method in PARTS.items():
        given = estimator.transform(X) if part == "decoder" else X
        model = estimator.to_onnx(part, dtype=X.dtype)
        for some in (given[:1], given):
            expected, rounding = getattr(estimator, method)(some), 0
            if part == "score_samples":
                # Reconstructions may be rounded to neighbouring numbers: d² -> (d + r)².
                spacing = np.spacing(np.abs(some).max())
                rounding = 2 * np.sqrt(np.abs(expected).max()) * spacing
            assert_close(run(model, some)[0], expected, rounding)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = skl2onnx.to_onnx(estimator, X[:1])
    assert_close(run(model, X)[0], estimator.transform(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning")
def test_each_estimator_is_converted(make_any, digits, init, dtype):
    X = np.resize(digits, (300, 64)).astype(dtype)
    assert_converted(make_any(init=init).fit(X), X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_far_from_zero(digits, dtype):
    X = (digits * 1e-2 + 100).astype(dtype)
    assert_converted(small_dense().fit(X), X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(digits, activation):
    X = digits.astype(np.float32)
    assert_converted(small_dense(activation=activation).fit(X), X)


@pytest.mark.parametrize("activation", ACTIVATION_RANGES)
def test_last_activations(digits, activation):
    X = digits.astype(np.float32)
    params = {"latent_activation": activation, "output_activation": activation}
    assert_converted(small_dense(**params).fit(X), X)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("upsampling", ["nearest", "transpose"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_convolutions_of_images_of_odd_size(digits, kernel_size, upsampling, pooling):
    images = digits.reshape(-1, 8, 8)[:, :7, :5].astype(np.float32)
    ae = small_conv(
        kernel_size=kernel_size,
        upsampling=upsampling,
        pooling=pooling,
        activation="gelu" if pooling == "max" else "elu",
        max_epochs=1,
    )
    assert_converted(ae.fit(images), images)


@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 1, 64), (1, 64, 1)])
def test_channels_and_signals(digits, shape):
    images = digits.reshape(-1, *shape).astype(np.float32)
    assert_converted(small_conv(max_epochs=1).fit(images), images)


@pytest.mark.parametrize("shape", [(3, 3), (8, 1), (1, 7), (8, 8)])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_small_and_narrow_images(digits, shape, init):
    n_rows, n_columns = shape
    images = digits.reshape(-1, 8, 8)[:, -n_rows:, 2 : 2 + n_columns]
    if n_columns == 8:
        images = digits.reshape(-1, 8, 8)
    images = np.ascontiguousarray(images, np.float32)
    ae = small_conv(conv_channels=(4,), n_components=2, init=init, max_epochs=1)
    assert_converted(ae.fit(images), images)


@pytest.mark.parametrize("offset", [0, 1e3])
@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_other_scales(digits, scale, offset):
    X = (digits * scale + offset * scale).astype(np.float32)
    assert_converted(small_dense().fit(X), X)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "int64"])
def test_integers_and_booleans(digits, dtype):
    X = (16 * digits).astype(dtype)
    ae = small_dense().fit(X)
    assert_close(run(skl2onnx.to_onnx(ae, X[:1]), X)[0], ae.transform(X))


def test_no_conversion_changes_what_is_saved(make_any, digits):
    X = digits.astype(np.float32)
    ae = make_any().fit(X)
    before = pickle.dumps(ae)
    for part in PARTS:
        for dtype in (np.float32, float, "float64"):
            ae.to_onnx(part, dtype=dtype)
    skl2onnx.to_onnx(ae, X[:1])
    assert pickle.dumps(ae) == before


def test_the_estimator_is_unchanged(digits):
    ae = small_dense().fit(digits)
    before = {name: weights.clone() for name, weights in ae.module_.state_dict().items()}
    codes = ae.transform(digits)
    ae.to_onnx("reconstruction")
    after = ae.module_.state_dict()
    assert all(torch.equal(before[name], weights) for name, weights in after.items())
    assert not ae.module_.training
    np.testing.assert_array_equal(ae.transform(digits), codes)


# --- pipelines -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_scaler_before_and_a_classifier_after(digits, dtype):
    X = (16 * digits).astype(dtype)
    y = np.arange(len(X)) % 3
    pipe = make_pipeline(StandardScaler(), small_dense(), LogisticRegression()).fit(X, y)
    model = skl2onnx.to_onnx(pipe, X[:1], options={"zipmap": False})
    labels, probabilities = run(model, X)
    np.testing.assert_array_equal(labels, pipe.predict(X))
    np.testing.assert_allclose(probabilities, pipe.predict_proba(X), atol=1e-5)


def test_columns_of_numbers_and_of_categories(digits):
    X = pd.DataFrame(
        {
            "a": digits[:, 10].astype(np.float32),
            "b": digits[:, 20].astype(np.float32),
            "c": np.array(["x", "y", "z"])[np.arange(len(digits)) % 3],
        }
    )
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["a", "b"]),
            ("categories", OneHotEncoder(sparse_output=False), ["c"]),
        ]
    )
    pipe = make_pipeline(columns, small_dense_variational(n_components=2)).fit(X)
    numbers = [(name, FloatTensorType([None, 1])) for name in ("a", "b")]
    types = [*numbers, ("c", StringTensorType([None, 1]))]
    model = skl2onnx.to_onnx(pipe, initial_types=types)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    inputs = {name: X[[name]].to_numpy() for name in ("a", "b")}
    inputs["c"] = X[["c"]].to_numpy().astype(object)
    (codes,) = session.run(None, inputs)
    np.testing.assert_allclose(codes, pipe.transform(X), atol=1e-5)


def test_kernel_pca_after_it(digits):
    X = digits.astype(np.float32)
    pipe = make_pipeline(small_conv(), KernelPCA(3, kernel="rbf")).fit(X)
    model = skl2onnx.to_onnx(pipe, X[:1])
    np.testing.assert_allclose(run(model, X)[0], pipe.transform(X), atol=1e-5)


# --- own architectures ---------------------------------------------------------


class Own(BaseAutoencoder):
    """Layers that skae's networks do not have, one of which works in place."""

    def _build_networks(self, n_features):
        encoder = nn.Sequential(
            nn.Linear(n_features, 8), nn.LayerNorm(8), nn.Linear(8, self.n_components_)
        )
        decoder = nn.Sequential(
            nn.Softplus(), nn.Hardtanh(inplace=True), nn.Linear(self.n_components_, 64)
        )
        return encoder, decoder


class OwnVariational(BaseVariationalAutoencoder):
    """Hooks are part of what a network computes."""

    def _build_networks(self, n_features):
        encoder = nn.Linear(n_features, 2 * self.n_components_)
        encoder.register_forward_hook(lambda module, inputs, output: 2 * output)
        return encoder, nn.Linear(self.n_components_, n_features)


@pytest.mark.filterwarnings("ignore")  # of torch's exporter
@pytest.mark.parametrize("kind", [Own, OwnVariational])
def test_other_networks_are_converted_by_torch(digits, kind):
    X = digits.astype(np.float32)
    ae = kind(3, max_epochs=1, random_state=0).fit(X)
    model = ae.to_onnx("reconstruction")
    for n_samples in (1, 2, 200):
        assert_close(run(model, X[:n_samples])[0], ae.reconstruct(X[:n_samples]))
    pipe = make_pipeline(StandardScaler(), ae).fit(X)
    np.testing.assert_allclose(
        run(skl2onnx.to_onnx(pipe, X[:1]), X)[0], pipe.transform(X), atol=1e-5
    )


# --- errors --------------------------------------------------------------------


def test_invalid_parameters(digits):
    ae = small_dense().fit(digits)
    with pytest.raises(ValueError, match=r"part='encode'.*'encoder', 'decoder'"):
        ae.to_onnx("encode")
    with pytest.raises(ValueError, match="dtype='int32'"):
        ae.to_onnx(dtype=np.int32)
    with pytest.raises(NotFittedError):
        small_dense().to_onnx()


def test_a_missing_package_is_named(digits, monkeypatch):
    ae = small_dense().fit(digits)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "skae\[onnx\]"'):
        ae.to_onnx()
