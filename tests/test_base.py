"""What every autoencoder does with valid X of every form, and with invalid X."""

import datetime
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from helpers import small_dense, small_dense_variational
from observed import assert_unfitted, observed
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skae import BaseAutoencoder, _quality
from skae.exceptions import OutputRangeWarning

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

# --- what the methods return ---------------------------------------------------


def test_codes_and_reconstructions_have_their_shapes(make_small, digits):
    ae = make_small().fit(digits)
    codes = ae.transform(digits)
    assert codes.shape == (200, 4)
    assert ae.inverse_transform(codes).shape == (200, 64)


def test_fit_transform_is_fit_then_transform(make_any, digits):
    codes = make_any().fit_transform(digits)
    np.testing.assert_array_equal(codes, make_any().fit(digits).transform(digits))


def test_reconstruct_is_transform_then_inverse_transform(make_any, digits):
    ae = make_any().fit(digits)
    decoded = ae.inverse_transform(ae.transform(digits))
    np.testing.assert_array_equal(ae.reconstruct(digits), decoded)


def test_scores_are_minus_the_mean_squared_errors(make_small, digits):
    ae = make_small().fit(digits)
    errors = ((ae.reconstruct(digits) - digits) ** 2).mean(axis=1)
    np.testing.assert_allclose(ae.score_samples(digits), -errors)
    np.testing.assert_allclose(ae.score(digits), -errors.mean())
    assert isinstance(ae.score(digits), float)


def test_samples_in_several_chunks_give_what_each_gives_alone(make_small, digits):
    ae = make_small().fit(digits)
    X = np.tile(digits, (11, 1))  # 2,200 samples: more than one chunk
    np.testing.assert_allclose(
        ae.transform(X)[-200:], ae.transform(digits), rtol=1e-12, atol=1e-12
    )


def test_encoder_and_decoder_are_modules_of_flat_samples(make_small, digits):
    ae = make_small(latent_activation="tanh").fit(digits.astype(np.float32))
    X = torch.tensor(digits, dtype=torch.float32)
    with torch.no_grad():
        codes = ae.encoder_(X)
        decoded = ae.decoder_(codes)
    assert not ae.module_.training
    np.testing.assert_allclose(codes, ae.transform(X.numpy()), atol=1e-6)
    np.testing.assert_allclose(decoded, ae.reconstruct(X.numpy()), atol=1e-6)


def test_the_history_has_the_losses_of_all_epochs(make_small, digits):
    ae = make_small(max_epochs=3).fit(digits)
    assert ae.history_[:, "train_loss"] == ae.loss_curve_
    assert ae.history_[:, "epoch"] == [1, 2, 3]


@pytest.mark.parametrize(("init", "share"), [("pca", 0.95), ("random", 0.7)])
def test_training_lowers_the_loss(make_small, digits, init, share):
    ae = make_small(max_epochs=20, init=init).fit(digits)
    assert len(ae.loss_curve_) == ae.n_iter_ == 20
    assert ae.loss_curve_[-1] < share * ae.loss_curve_[0]


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize(
    ("loss", "error"),
    [
        ("squared_error", np.square),
        ("absolute_error", np.abs),
        ("huber", lambda x: np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5)),
    ],
    ids=["squared", "absolute", "huber"],
)
def test_losses_are_in_the_units_of_x(make_small, digits, init, loss, error):
    X = 16 * digits + 1000 * (init == "pca")
    params = {"init": init, "loss": loss, "max_epochs": 1, "lr": 1e-12}
    ae = make_small(output_activation="identity", **params).fit(X)
    errors = ae.reconstruct(X) - X
    expected = error(errors).mean()
    if loss == "huber" and init == "pca":  # 1 is the scale of standardised samples
        scale = np.sqrt(X.var(axis=0).mean())
        expected = scale**2 * error(errors / scale).mean()
    assert ae.loss_curve_[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_the_training_samples_are_encoded_once_after_training(
    make_any, digits, method, init, monkeypatch
):
    monkeypatch.setattr(_quality, "MAX_SAMPLES", 10)
    encoded = []

    def count(module, inputs, output):
        if not module.training and len(inputs[0]) > 1:  # one sample checks the shapes
            encoded.append(len(inputs[0]))

    class Counting(type(make_any())):
        def _build_networks(self, n_features):
            encoder, decoder = super()._build_networks(n_features)
            encoder.register_forward_hook(count)
            return encoder, decoder

    getattr(Counting(**make_any(init=init).get_params()), method)(digits)
    few = [n_samples for n_samples in encoded if n_samples == 10]
    assert sum(encoded) - sum(few) == len(digits)
    assert len(few) <= 2  # they tell how well samples are reconstructed


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_codes_stay_in_the_range_of_their_activation(make_small, digits, name):
    codes = make_small(latent_activation=name).fit_transform(digits)
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf)}[name]
    assert low <= codes.min() <= codes.max() <= high


# --- forms of X ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("longdouble", "float64"),
        ("float16", "float32"),
        ("int64", "float64"),
        ("uint32", "float64"),
        ("int16", "float32"),
        ("uint8", "float32"),
        ("bool", "float32"),
    ],
)
def test_results_are_float64_for_numbers_that_float32_does_not_hold(
    make_small, dtype, expected
):
    X = np.random.default_rng(0).integers(0, 2, (30, 16)).astype(dtype)
    ae = make_small().fit(X)
    codes = ae.transform(X)
    assert codes.dtype == expected
    assert ae.inverse_transform(codes).dtype == expected
    assert ae.score_samples(X).dtype == expected


FORMS = {
    "fortran": np.asfortranarray,
    "not contiguous": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "negative row stride": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "negative column stride": lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "list": lambda X: X.tolist(),
    "torch": torch.tensor,
    "torch with a gradient": lambda X: torch.tensor(X, requires_grad=True),
    "torch, column by column": lambda X: torch.tensor(X.T.copy()).t(),
    "torch, negated view": lambda X: torch._neg_view(torch.tensor(-X)),
    "masked array without masked values": np.ma.masked_array,
    "pandas": pd.DataFrame,
    "nullable pandas": lambda X: pd.DataFrame(X).astype("Float64"),
    "object": lambda X: X.astype(object),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_same_values_does_not_matter(make_small, digits, form):
    X = FORMS[form](digits)
    np.testing.assert_array_equal(
        make_small().fit_transform(X), make_small().fit_transform(digits)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_tensor_of_half_precision_is_its_values_in_float32(make_small, digits, dtype):
    X = torch.tensor(digits).to(dtype)
    np.testing.assert_array_equal(
        make_small().fit_transform(X), make_small().fit_transform(X.float().numpy())
    )


def test_polars_frames_keep_their_column_names(make_small, digits):
    frame = pl.DataFrame(digits, schema=[f"pixel{i}" for i in range(64)])
    ae = make_small().fit(frame)
    assert ae.feature_names_in_[:2].tolist() == ["pixel0", "pixel1"]
    np.testing.assert_array_equal(ae.transform(frame), make_small().fit_transform(digits))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_read_only_memory_map_works_and_does_not_change(
    make_small, digits, dtype, tmp_path
):
    np.save(tmp_path / "X.npy", digits.astype(dtype))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    codes = make_small().fit_transform(X)
    np.testing.assert_array_equal(codes, make_small().fit_transform(digits.astype(dtype)))
    np.testing.assert_array_equal(X, digits.astype(dtype))


def test_no_method_changes_x(make_any, digits):
    X = digits.astype(np.float32)
    before = X.copy()
    ae = make_any().fit(X)
    for method in (ae.transform, ae.reconstruct, ae.score, ae.partial_fit):
        method(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("n_samples", [1, 2, 31, 33])
@pytest.mark.parametrize("make", [small_dense, small_dense_variational])
def test_any_number_of_samples_is_learnt(digits, make, n_samples, init):
    """One sample, fewer than a batch, and one sample left over after full batches."""
    X = digits[:n_samples]
    params = {"max_epochs": 100, "hidden_layer_sizes": (64,), "lr": 0.01}
    ae = make(batch_size=32, init=init, **params).fit(X)
    assert ae.transform(X).shape == (n_samples, 4)
    # So few steps of a variational model learn little more than the mean.
    share = 1.1 if hasattr(ae, "posterior") else 0.85
    mean_error = X.var(axis=0).mean() if n_samples > 1 else 0.2 * np.square(X).mean()
    assert -ae.score(X) < share * mean_error


@pytest.mark.parametrize("init", ["pca", "random"])
def test_one_feature_is_learnt(make_small, init):
    X = np.linspace(-1, 1, 20)[:, None]
    ae = make_small(max_epochs=100, init=init).fit(X)
    assert ae.reconstruct(X).shape == (20, 1)
    assert -ae.score(X) < 0.2 * X.var()


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_constant_table_is_reconstructed(make_small, init):
    X = np.full((20, 9), 3.0)
    ae = make_small(max_epochs=200, lr=0.01, init=init).fit(X)
    assert np.isfinite(ae.transform(X)).all()
    np.testing.assert_allclose(ae.reconstruct(X), X, atol=0.1)


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (1, 8, 8), (4, 4, 4)])
def test_reconstructions_of_images_are_images(make_small, digits, shape):
    images = digits.reshape(-1, *shape)
    ae = make_small().fit(images)
    assert ae.n_features_in_ == 64
    assert ae.image_shape_ == (1, *shape)[-3:]
    np.testing.assert_array_equal(ae.transform(images), ae.transform(digits))
    assert ae.reconstruct(digits).shape == images.shape
    assert ae.inverse_transform(ae.transform(images)).shape == images.shape


def test_uint8_images_have_float32_codes(make_small, digits):
    images = (digits.reshape(-1, 8, 8) * 255).astype(np.uint8)
    assert make_small().fit_transform(images).dtype == np.float32


def test_flat_samples_have_no_image_shape(digits):
    assert small_dense().fit(digits).image_shape_ is None


@pytest.mark.parametrize("as_torch", [False, True])
def test_the_error_for_channels_last_images_has_the_transpose(make_small, as_torch):
    X = np.random.default_rng(0).random((6, 8, 9, 3))
    X = torch.tensor(X) if as_torch else X
    with pytest.raises(ValueError, match="channels-last") as error:
        make_small().fit(X)
    method = "permute" if as_torch else "transpose"
    way_out = re.search(rf"X\.{method}\([\d, ]+\)", str(error.value)).group()
    ae = make_small().fit(eval(way_out, {"X": X}))
    assert ae.image_shape_ == (3, 8, 9)
    with pytest.raises(ValueError, match="channels-last"):
        ae.transform(X)


def test_channels_last_images_are_invalid_for_a_model_of_flat_samples():
    X = np.random.default_rng(0).random((6, 8, 8, 3))
    ae = small_dense().fit(X.reshape(6, -1))
    with pytest.raises(ValueError, match="channels-last"):
        ae.transform(X)


def test_small_images_of_many_channels_are_not_channels_last(make_small):
    X = np.random.default_rng(0).random((6, 16, 4, 4))
    assert make_small().fit(X).image_shape_ == (16, 4, 4)


def test_the_error_for_a_single_image_names_the_way_out(make_small):
    X = np.random.default_rng(0).random((6, 3, 4, 5))
    ae = make_small().fit(X)
    with pytest.raises(ValueError, match=r"For a single image, pass X\[None\]"):
        ae.transform(X[0])
    assert ae.transform(X[0][None]).shape == (1, 4)


# --- the output activation -----------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, "sigmoid"),
        (0.2, 0.7, "sigmoid"),
        (-0.1, 1, "identity"),
        (0, 2, "identity"),
        (0, 0.05, "identity"),
        (-1e-8, 1e-8, "identity"),  # in [0, 1] within the rounding error of 1 only
        (-1e-8, 1, "sigmoid"),
    ],
)
@pytest.mark.parametrize("init", ["pca", "random"])
def test_auto_output_is_a_sigmoid_for_images_in_0_1(
    make_small, low, high, expected, init
):
    X = np.linspace(low, high, 60).reshape(15, 2, 2)
    assert make_small(init=init).fit(X).output_activation_ == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1], "sigmoid"),
        ([0, 0, 0, 1], "sigmoid"),
        ([0.02, 0.05, 0.9, 1], "sigmoid"),
        ([-1e-8, 1], "sigmoid"),
        ([0, 0.5, 1], "sigmoid"),
        ([0, 0.3, 0.5, 0.7, 1], "identity"),
        ([0.2, 0.7], "identity"),
        ([-0.1, 1], "identity"),
        ([0, 1.1], "identity"),
        ([0, 0.05], "identity"),
        ([1], "identity"),
        ([0], "identity"),
    ],
)
def test_auto_output_is_a_sigmoid_for_flat_samples_near_0_and_1(values, expected):
    X = np.random.default_rng(0).choice(np.array(values, dtype=float), (50, 6))
    assert small_dense().fit(X).output_activation_ == expected


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_values_that_exceed_1_by_rounding_are_in_0_1(make_small, loss):
    X = np.linspace(0, np.nextafter(np.float32(1), np.float32(2)), 60, dtype=np.float32)
    assert X.max() > 1
    ae = make_small(loss=loss).fit(X.reshape(15, 2, 2))
    assert ae.output_activation_ == "sigmoid"


@pytest.mark.parametrize(("init", "share"), [("pca", 0.95), ("random", 0.9)])
def test_cross_entropy_takes_a_sigmoid_and_learns(make_small, digits, init, share):
    ae = make_small(loss="binary_cross_entropy", max_epochs=20, init=init).fit(digits)
    assert ae.output_activation_ == "sigmoid"
    assert ae.loss_curve_[-1] < share * ae.loss_curve_[0]


@pytest.mark.parametrize("method", ["reconstruct", "score", "score_samples"])
def test_later_data_out_of_range_give_a_warning(make_small, digits, method):
    ae = make_small().fit(digits)
    message = r"ranges from 0\.1 to 1\.1, but .*restricts reconstructions to \[0, 1\]"
    with pytest.warns(OutputRangeWarning, match=message):
        getattr(ae, method)(digits + 0.1)


def test_warnings_point_to_the_line_of_the_call(make_small, digits):
    pipe = make_pipeline(make_small()).fit(digits)
    with pytest.warns(OutputRangeWarning) as record:
        pipe.score(digits + 1)
    assert record[0].filename == __file__


def test_encoding_does_not_warn_of_the_range_of_outputs(make_small, digits):
    ae = make_small().fit(digits)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ae.transform(digits * 255)
    assert caught == []


def test_rounding_out_of_range_gives_no_warning(make_small, digits):
    ae = make_small().fit(digits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ae.reconstruct(digits + 1e-7).max() <= 1


@pytest.mark.parametrize(
    ("name", "interval"),
    [("sigmoid", "[0, 1]"), ("tanh", "[-1, 1]"), ("relu", "[0, inf]")],
)
def test_a_bounded_output_warns_of_data_far_outside(make_small, name, interval):
    X = np.linspace(-50, 50, 64).reshape(16, 4)
    with pytest.warns(OutputRangeWarning, match=re.escape(interval)) as record:
        make_small(output_activation=name).fit(X)
    assert "output_activation='identity'" in str(record[0].message)


# --- invalid X -----------------------------------------------------------------

NAN = np.array([[0.0, 1.0], [np.nan, 1.0]])
TEXT = r"X \(.*\) contains values (of type .* )?that are not real numbers.*OneHotEncoder"
TENSOR = torch.ones(3, 4)
DATE = datetime.date(2020, 1, 1)
BAD_X = {
    "nan": (NAN, ValueError, "Input X contains NaN, in row 1.*SimpleImputer"),
    "infinity": (np.nan_to_num(NAN, nan=np.inf), ValueError, "contains infinity, in row"),
    "overflow": (np.array([[0.0, 1e39]]), ValueError, r"of 1e\+39; must be at most 3"),
    "empty": (np.empty((0, 3)), ValueError, r"0 sample\(s\)"),
    "no features": (np.empty((3, 0)), ValueError, r"0 feature\(s\)"),
    "no images": (np.empty((0, 8, 8)), ValueError, r"0 sample\(s\)"),
    "one dimension": (np.zeros(3), ValueError, r"Reshape your data"),
    "None": (None, ValueError, "X has type NoneType; must be an array"),
    "a generator": ((x for x in NAN), ValueError, "X has type generator; must be"),
    "a function": (len, ValueError, "X has type builtin_function_or_method; must be"),
    "sparse": (scipy.sparse.eye(4).tocsr(), TypeError, "sparse_output=False"),
    "a sparse tensor": (TENSOR.to_sparse(), TypeError, r"Use X\.to_dense\(\)"),
    "a meta tensor": (TENSOR.to("meta"), ValueError, "has no values"),
    "a data set": (torch.utils.data.TensorDataset(TENSOR), TypeError, r"\.tensors\[0\]"),
    "text": (np.array([["a", "b"]]), ValueError, TEXT),
    "text in a list": ([["a", 1.0]], ValueError, TEXT),
    "text in pandas": (pd.DataFrame({"a": ["x"]}), ValueError, TEXT),
    "text in polars": (pl.DataFrame({"a": ["x"]}), ValueError, TEXT),
    "categories": (
        pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
        ValueError,
        TEXT,
    ),
    "digits as text": (np.array([["1", "2"]]), ValueError, TEXT),
    "dates": (np.array([["2020-01-01"]], "M8[D]"), ValueError, "convert dates to num"),
    "dates in pandas": (
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}),
        ValueError,
        "type datetime64.*convert dates to numbers",
    ),
    "dates in polars": (pl.DataFrame({"a": [DATE]}), ValueError, "convert dates to num"),
    "durations": (np.array([[1]], "m8[D]"), ValueError, "type timedelta64"),
    "masked values": (
        np.ma.masked_array(np.eye(2), np.eye(2)),
        ValueError,
        r"masked values; all values must be given.*X\.filled",
    ),
    "missing in pandas": (
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        ValueError,
        "Input X contains NaN, in row 1",
    ),
    "missing in polars": (pl.DataFrame({"a": [1.0, None]}), ValueError, "NaN, in row 1"),
    "complex": (np.array([[1j, 2]]), ValueError, "Complex data not supported"),
    "five dimensions": (np.zeros((2,) * 5), ValueError, r"5 dimensions; must be samples"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, r"X \(list\) has rows of different len"),
    "a huge integer": ([[10**400, 1]], ValueError, "X"),
}


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.filterwarnings("ignore::skae.exceptions.ImageShapeWarning")
def test_invalid_x_raises_and_leaves_the_fitted_model(make_small, digits, case):
    X, error, message = BAD_X[case]
    ae = make_small().fit(digits)
    before = observed(ae, digits)
    with pytest.raises(error, match=message):
        ae.fit(X)
    np.testing.assert_equal(observed(ae, digits), before)


@pytest.mark.parametrize("output_activation", ["auto", "tanh"])
def test_cross_entropy_refuses_values_out_of_range(make_small, output_activation):
    X = np.linspace(-3, 4, 40).reshape(10, 4)
    ae = make_small(loss="binary_cross_entropy", output_activation=output_activation)
    message = r"requires values of X in \[0, 1\], but X ranges from -3 to 4.*MinMaxScaler"
    with pytest.raises(ValueError, match=message):
        ae.fit(X)


def test_cross_entropy_refuses_another_output_activation(make_small, digits):
    ae = make_small(loss="binary_cross_entropy", output_activation="identity")
    message = "output_activation='identity' is invalid with.*must be 'sigmoid' or 'auto'"
    with pytest.raises(ValueError, match=message):
        ae.fit(digits)


def test_a_wrong_number_of_features_is_named(make_small, digits):
    ae = make_small().fit(digits)
    with pytest.raises(ValueError, match=r"X has 63 features, but .* 64 features"):
        ae.transform(digits[:, :-1])


def test_codes_with_a_wrong_number_of_components_are_named(make_small, digits):
    ae = make_small().fit(digits)
    with pytest.raises(ValueError, match=r"X has 5 columns, but .* 4 components"):
        ae.inverse_transform(np.zeros((2, 5)))


@pytest.mark.filterwarnings("ignore::skae.exceptions.ImageShapeWarning")
def test_a_failed_first_fit_leaves_an_unfitted_estimator(make_small):
    ae = make_small()
    with pytest.raises(ValueError, match="NaN"):
        ae.fit(NAN)
    assert_unfitted(ae)


@pytest.mark.parametrize(
    "name", ["module_", "encoder_", "decoder_", "history_", "callbacks_"]
)
def test_fitted_attributes_raise_before_fit(make_small, name):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(make_small(), name)
    assert not hasattr(make_small(), name)


# --- scikit-learn's settings ---------------------------------------------------


def test_assume_finite_skips_the_check_of_values(digits):
    params = {"hidden_layer_sizes": (), "latent_activation": "sigmoid"}
    ae = small_dense(**params).fit(digits)
    X = digits.copy()
    X[3, 5] = np.inf
    with pytest.raises(ValueError, match="infinity, in row 3"):
        ae.transform(X)
    with config_context(assume_finite=True):
        codes = ae.transform(X)
        same = small_dense(**params).fit_transform(digits)
    assert set(codes[3]) <= {0.0, 1.0}  # sigmoids of infinity
    np.testing.assert_array_equal(np.delete(codes, 3, 0), np.delete(same, 3, 0))


def test_skip_parameter_validation_skips_the_check_of_parameters(digits):
    ae = small_dense(tol=-1.0)
    with pytest.raises(ValueError, match=r"tol=-1\.0 is invalid"):
        ae.fit(digits)
    with config_context(skip_parameter_validation=True):
        assert ae.fit(digits).n_iter_ == 3


def test_without_networks_the_base_class_names_what_to_define():
    with pytest.raises(NotImplementedError, match=r"must define _build_networks"):
        BaseAutoencoder().fit(np.zeros((4, 4)))
