"""What every autoencoder does with data of every form, and with bad data."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from conftest import small_dense
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from torch import nn

from skae import BaseAutoencoder
from skae.exceptions import OutputRangeWarning

# --- what the methods return ---------------------------------------------------


def test_codes_and_reconstructions_have_their_shapes(make_small, digits):
    ae = make_small().fit(digits)
    codes = ae.transform(digits)
    assert codes.shape == (200, 4)
    assert ae.inverse_transform(codes).shape == (200, 64)


def test_fit_transform_is_fit_then_transform(make_small, digits):
    codes = make_small().fit_transform(digits)
    np.testing.assert_array_equal(codes, make_small().fit(digits).transform(digits))


def test_reconstruct_is_transform_then_inverse_transform(make_small, digits):
    ae = make_small().fit(digits)
    there_and_back = ae.inverse_transform(ae.transform(digits))
    np.testing.assert_array_equal(ae.reconstruct(digits), there_and_back)


def test_scores_are_minus_the_mean_squared_errors(make_small, digits):
    ae = make_small().fit(digits)
    errors = ((ae.reconstruct(digits) - digits) ** 2).mean(axis=1)
    np.testing.assert_allclose(ae.score_samples(digits), -errors)
    np.testing.assert_allclose(ae.score(digits), -errors.mean())
    assert isinstance(ae.score(digits), float)


def test_rows_in_many_chunks_give_what_each_gives_alone(make_small, digits):
    ae = make_small().fit(digits)
    X = np.tile(digits, (11, 1))  # 2,200 rows: more than two chunks
    np.testing.assert_allclose(
        ae.transform(X)[-200:], ae.transform(digits), rtol=1e-12, atol=1e-12
    )


def test_encoder_and_decoder_work_by_themselves(make_small, digits):
    ae = make_small(latent_activation="tanh").fit(digits.astype(np.float32))
    rows = torch.tensor(digits, dtype=torch.float32)
    with torch.no_grad():
        codes = ae.encoder_(rows)
        restored = ae.decoder_(codes)
    assert not ae.encoder_.training
    np.testing.assert_allclose(codes, ae.transform(rows.numpy()), atol=1e-6)
    np.testing.assert_allclose(restored, ae.reconstruct(rows.numpy()), atol=1e-6)


def test_training_lowers_the_loss(make_small, digits):
    ae = make_small(max_epochs=20).fit(digits)
    assert len(ae.loss_curve_) == ae.n_iter_ == 20
    assert ae.loss_curve_[-1] < 0.7 * ae.loss_curve_[0]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_codes_stay_in_the_range_of_their_activation(make_small, digits, name):
    codes = make_small(latent_activation=name).fit_transform(digits)
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf)}[name]
    assert low <= codes.min() <= codes.max() <= high


# --- the forms that data come in -----------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("float16", "float32"),
        ("int64", "float32"),
        ("uint8", "float32"),
        ("bool", "float32"),
    ],
)
def test_float64_stays_and_everything_else_becomes_float32(make_small, dtype, expected):
    X = np.random.default_rng(0).integers(0, 2, (30, 16)).astype(dtype)
    ae = make_small().fit(X)
    codes = ae.transform(X)
    assert codes.dtype == expected
    assert ae.inverse_transform(codes).dtype == expected
    assert ae.score_samples(X).dtype == expected


FORMS = {
    "fortran": np.asfortranarray,
    "not contiguous": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda X: X[::-1][::-1],
    "list": lambda X: X.tolist(),
    "torch": lambda X: torch.tensor(X),
    "torch, column by column": lambda X: torch.tensor(X.T.copy()).t(),
    "pandas": lambda X: pd.DataFrame(X),
    "object": lambda X: X.astype(object),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_same_numbers_does_not_matter(make_small, digits, form):
    X = FORMS[form](digits)
    np.testing.assert_array_equal(
        make_small().fit_transform(X), make_small().fit_transform(digits)
    )


def test_polars_frames_keep_their_column_names(make_small, digits):
    frame = pl.DataFrame(digits, schema=[f"pixel{i}" for i in range(64)])
    ae = make_small().fit(frame)
    assert ae.feature_names_in_[:2].tolist() == ["pixel0", "pixel1"]
    np.testing.assert_array_equal(ae.transform(frame), make_small().fit_transform(digits))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_read_only_memory_map_is_taken_and_left_alone(
    make_small, digits, dtype, tmp_path
):
    np.save(tmp_path / "X.npy", digits.astype(dtype))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    codes = make_small().fit_transform(X)
    np.testing.assert_array_equal(codes, make_small().fit_transform(digits.astype(dtype)))
    np.testing.assert_array_equal(X, digits.astype(dtype))


def test_training_does_not_change_x(make_small, digits):
    X = digits.astype(np.float32)
    before = X.copy()
    make_small().fit(X).transform(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("n_samples", [1, 2, 31, 33])
@pytest.mark.filterwarnings("ignore::skae.exceptions.OutputRangeWarning")
def test_any_number_of_rows_works(make_small, digits, n_samples):
    X = digits[:n_samples]  # one row; fewer than a batch; a batch and one left over
    ae = make_small(batch_size=32).fit(X)
    assert ae.transform(X).shape == (n_samples, 4)
    assert np.isfinite(ae.score(digits))


def test_one_feature_works(make_small):
    X = np.linspace(-1, 1, 20)[:, None]
    assert make_small().fit(X).reconstruct(X).shape == (20, 1)


def test_a_constant_table_works(make_small):
    X = np.full((20, 9), 3.0)
    assert np.isfinite(make_small().fit_transform(X)).all()


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (1, 8, 8), (4, 4, 4)])
def test_images_come_back_as_images(make_small, digits, shape):
    images = digits.reshape(-1, *shape)
    ae = make_small().fit(images)
    assert ae.n_features_in_ == 64
    assert ae.image_shape_ == (1, *shape)[-3:]
    np.testing.assert_array_equal(ae.transform(images), ae.transform(digits))
    assert ae.reconstruct(digits).shape == images.shape
    assert ae.inverse_transform(ae.transform(images)).shape == images.shape


def test_uint8_images_become_float32_codes(make_small, digits):
    images = (digits.reshape(-1, 8, 8) * 255).astype(np.uint8)
    assert make_small().fit_transform(images).dtype == np.float32


def test_flat_rows_have_no_image_shape(digits):
    assert small_dense().fit(digits).image_shape_ is None


@pytest.mark.parametrize("as_torch", [False, True])
def test_channels_last_images_get_the_transpose_to_write(make_small, as_torch):
    X = np.random.default_rng(0).random((6, 8, 9, 3))
    X = torch.tensor(X) if as_torch else X
    with pytest.raises(ValueError, match="channels-last") as error:
        make_small().fit(X)
    method = "permute" if as_torch else "transpose"
    remedy = re.search(rf"X\.{method}\([\d, ]+\)", str(error.value)).group()
    X_first = eval(remedy, {"X": X})
    ae = make_small().fit(X_first)
    assert ae.image_shape_ == (3, 8, 9)
    with pytest.raises(ValueError, match="channels-last"):
        ae.transform(X)


def test_channels_last_images_are_refused_by_a_model_of_flat_rows(digits):
    X = np.random.default_rng(0).random((6, 8, 8, 3))
    ae = small_dense().fit(X.reshape(6, -1))
    with pytest.raises(ValueError, match="channels-last"):
        ae.transform(X)


def test_many_channels_of_small_images_are_no_channels_last(make_small):
    X = np.random.default_rng(0).random((6, 16, 4, 4))
    assert make_small().fit(X).image_shape_ == (16, 4, 4)


def test_one_image_alone_gets_a_hint(make_small):
    X = np.random.default_rng(0).random((6, 3, 4, 5))
    ae = make_small().fit(X)
    with pytest.raises(ValueError, match=r"X\[None\] makes an array of one"):
        ae.transform(X[0])


def test_a_network_that_works_in_place_leaves_x_alone(digits):
    class InPlace(BaseAutoencoder):
        def _build_networks(self, n_features):
            return (
                nn.Sequential(nn.ReLU(inplace=True), nn.Linear(n_features, 2)),
                nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, n_features)),
            )

    X = (digits - 0.5).astype(np.float32)
    before = X.copy()
    InPlace(max_epochs=2, shuffle=False, random_state=0).fit(X).transform(X)
    np.testing.assert_array_equal(X, before)


# --- the output activation -----------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, "sigmoid"), (0.2, 0.7, "sigmoid"), (-0.1, 1, "identity"), (0, 2, "identity")],
)
def test_auto_output_is_a_sigmoid_where_all_values_allow_it(
    make_small, low, high, expected
):
    X = np.linspace(low, high, 60).reshape(15, 4)
    assert make_small().fit(X).output_activation_ == expected


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_rounding_in_float32_does_not_leave_0_1(make_small, loss):
    X = np.linspace(0, np.nextafter(np.float32(1), np.float32(2)), 60, dtype=np.float32)
    assert X.max() > 1
    ae = make_small(loss=loss).fit(X.reshape(15, 4))
    assert ae.output_activation_ == "sigmoid"


def test_cross_entropy_makes_the_output_a_sigmoid_and_learns(make_small, digits):
    ae = make_small(loss="binary_cross_entropy", max_epochs=20).fit(digits)
    assert ae.output_activation_ == "sigmoid"
    assert ae.loss_curve_[-1] < 0.9 * ae.loss_curve_[0]


@pytest.mark.parametrize("method", ["reconstruct", "score", "score_samples"])
def test_later_data_out_of_range_are_warned_of(make_small, digits, method):
    ae = make_small().fit(digits)
    with pytest.warns(OutputRangeWarning, match=r"from 0.1 to 1.1, .*stay in \[0, 1\]"):
        getattr(ae, method)(digits + 0.1)


def test_warnings_point_to_the_line_that_called(make_small, digits):
    pipe = make_pipeline(make_small()).fit(digits)
    with pytest.warns(OutputRangeWarning) as record:
        pipe.transform(digits + 1)
    assert record[0].filename == __file__


def test_encoding_minds_only_the_wrong_scale(make_small, digits):
    ae = make_small().fit(digits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ae.transform(digits * 1.2)  # as a scaler fitted on other rows leaves them
    with pytest.warns(OutputRangeWarning, match="X ranges from 0 to 255"):
        ae.transform(digits * 255)


def test_rounding_out_of_range_is_not_warned_of(make_small, digits):
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


# --- bad data, and an estimator that is none the worse for it -------------------

NAN = np.array([[0.0, 1.0], [np.nan, 1.0]])
BAD_X = {
    "nan": (NAN, ValueError, "Input X contains NaN"),
    "infinity": (np.nan_to_num(NAN, nan=np.inf), ValueError, "contains infinity"),
    "overflow": (np.array([[0.0, 1e39]]), ValueError, r"size 1e\+39, beyond float32's"),
    "empty": (np.empty((0, 3)), ValueError, r"0 sample\(s\)"),
    "no features": (np.empty((3, 0)), ValueError, r"0 feature\(s\)"),
    "no images": (np.empty((0, 8, 8)), ValueError, r"0 sample\(s\)"),
    "one row": (np.zeros(3), ValueError, r"Reshape your data"),
    "sparse": (scipy.sparse.eye(4).tocsr(), TypeError, "sparse_output=False"),
    "text": (np.array([["a", "b"]]), ValueError, "X holds text.*OneHotEncoder"),
    "text in a list": ([["a", 1.0]], ValueError, "X holds text.*OneHotEncoder"),
    "text in a frame": (pd.DataFrame({"a": ["x"]}), ValueError, "holds text.*DataFrame"),
    "digits as text": (np.array([["1", "2"]]), ValueError, "X holds text"),
    "complex": (np.array([[1j, 2]]), ValueError, "Complex data not supported"),
    "five dimensions": (np.zeros((2,) * 5), ValueError, "X has 5 dimensions; expected"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "inhomogeneous"),
}


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.filterwarnings("ignore::skae.exceptions.ImageShapeWarning")
def test_bad_x_is_refused_and_the_fitted_model_unharmed(make_small, digits, case):
    X, error, message = BAD_X[case]
    ae = make_small().fit(digits)
    before, codes = dict(vars(ae)), ae.transform(digits)
    with pytest.raises(error, match=message):
        ae.fit(X)
    assert vars(ae) == before
    np.testing.assert_array_equal(ae.transform(digits), codes)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"loss": "binary_cross_entropy"},
            r"needs values in \[0, 1\], but X ranges from -3 to 4.*MinMaxScaler",
        ),
        (
            {"loss": "binary_cross_entropy", "output_activation": "tanh"},
            "needs values in",
        ),
    ],
)
def test_cross_entropy_refuses_values_out_of_range(make_small, params, message):
    X = np.linspace(-3, 4, 40).reshape(10, 4)
    with pytest.raises(ValueError, match=message):
        make_small(**params).fit(X)


def test_cross_entropy_refuses_another_output_activation(make_small, digits):
    ae = make_small(loss="binary_cross_entropy", output_activation="identity")
    with pytest.raises(
        ValueError, match=r"needs output_activation='sigmoid'.*'identity'"
    ):
        ae.fit(digits)


def test_a_wrong_number_of_features_is_named(make_small, digits):
    ae = make_small().fit(digits)
    with pytest.raises(ValueError, match=r"X has 63 features, but .* 64 features"):
        ae.transform(digits[:, :-1])


def test_codes_of_another_size_are_refused(make_small, digits):
    ae = make_small().fit(digits)
    with pytest.raises(ValueError, match=r"X has 5 columns, but .* 4 components"):
        ae.inverse_transform(np.zeros((2, 5)))


def test_a_failed_first_fit_leaves_an_unfitted_estimator(make_small):
    ae = make_small()
    with pytest.raises(ValueError, match="NaN"):
        ae.fit(NAN)
    assert vars(ae) == ae.get_params()


@pytest.mark.parametrize("name", ["encoder_", "decoder_", "callbacks_"])
def test_what_fit_makes_is_not_there_before(make_small, name):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(make_small(), name)
    assert not hasattr(make_small(), name)


def test_without_networks_the_base_class_says_what_is_missing():
    with pytest.raises(NotImplementedError, match=r"must define _build_networks"):
        BaseAutoencoder().fit(np.zeros((4, 4)))


def test_a_new_architecture_is_one_method(digits):
    class Linear(BaseAutoencoder):
        def _build_networks(self, n_features):
            return (
                nn.Linear(n_features, self.n_components),
                nn.Linear(self.n_components, n_features),
            )

    ae = Linear(3, max_epochs=2, random_state=0).fit(digits)
    assert ae.transform(digits).shape == (200, 3)
    assert ae.get_feature_names_out().tolist() == ["linear0", "linear1", "linear2"]
