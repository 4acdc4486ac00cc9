"""How well training samples are reconstructed: the attributes, and the warning."""

import warnings

import numpy as np
import pytest
from helpers import small_dense, small_dense_variational
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from skorch.callbacks import Callback

from skae import _quality
from skae.exceptions import ColumnScaleWarning

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


def fitted(X, make=small_dense, lr=0.01, **params):
    return make(n_components=4, max_epochs=10, lr=lr, **params).fit(X)


def warnings_of(call):
    """Return the categories of the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [warning.category for warning in caught]


# --- explained variance and noise variance ---------------------------------------------


@pytest.fixture(scope="module")
def table():
    return StandardScaler().fit_transform(load_wine().data)


class Fails(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise RuntimeError("a failure")


@pytest.mark.parametrize("init", ["pca", "random"])
def test_the_shares_of_the_variance_are_those_of_numpy(make_any, digits, init):
    ae = make_any(init=init).fit(digits)
    errors = np.square(digits - ae.reconstruct(digits))
    share = 1 - errors.sum() / np.square(digits - digits.mean(axis=0)).sum()
    assert type(ae.explained_variance_ratio_) is float
    assert ae.explained_variance_ratio_ == pytest.approx(share, rel=1e-6)
    assert ae.noise_variance_.shape == (64,)
    assert ae.noise_variance_.dtype == np.float64


@pytest.mark.parametrize("init", ["pca", "random"])
def test_the_noise_of_a_plain_model_is_its_squared_error(make_small, digits, init):
    ae = make_small(init=init).fit(digits)
    errors = np.square(digits - ae.reconstruct(digits))
    np.testing.assert_allclose(ae.noise_variance_, errors.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("loss", ["gaussian", "laplace"])
def test_the_noise_of_a_variational_model_is_that_of_random_codes(table, loss):
    vae = small_dense_variational(max_epochs=10, loss=loss).fit(table)
    mean, std = vae.posterior(table)
    noise = np.random.default_rng(0).normal(size=(400, *std.shape))
    decoded = vae.inverse_transform((mean + std * noise).reshape(-1, 4))
    errors = np.square(decoded.reshape(400, *table.shape) - table)
    expected = errors.mean(axis=(0, 1))  # the estimate is from one code of each sample
    np.testing.assert_allclose(vae.noise_variance_, expected, rtol=0.2)
    assert vae.noise_variance_.mean() == pytest.approx(expected.mean(), rel=0.05)
    of_means = np.square(vae.reconstruct(table) - table).mean(axis=0)
    assert vae.noise_variance_.mean() > 1.05 * of_means.mean()


def test_the_share_at_pca_is_that_of_scikit_learns_pca(table):
    ae = small_dense(lr=1e-30, max_epochs=1).fit(table)
    pca = PCA(4).fit(table)
    expected = pca.explained_variance_ratio_.sum()
    assert ae.explained_variance_ratio_ == pytest.approx(expected, rel=1e-5)


def test_both_are_of_the_samples_of_the_last_call(digits):
    ae = small_dense()
    for part in (digits[:120], digits[120:]):
        ae.partial_fit(part)
        errors = np.square(part - ae.reconstruct(part)).mean(axis=0)
        np.testing.assert_allclose(ae.noise_variance_, errors, rtol=1e-6)
        share = 1 - errors.sum() / part.var(axis=0).sum()
        assert ae.explained_variance_ratio_ == pytest.approx(share, rel=1e-6)


def share_of(ae, X):
    errors = np.square(X - ae.reconstruct(X))
    return 1 - errors.sum() / np.square(X - X.mean(axis=0)).sum()


def test_the_held_out_share_is_that_of_the_validation_set(make_any, digits):
    ae = make_any(validation_fraction=0.1, shuffle=False).fit(digits)
    share = share_of(ae, digits[-20:])
    assert ae.held_out_explained_variance_ratio_ == pytest.approx(share, rel=1e-5)
    assert type(ae.held_out_explained_variance_ratio_) is float


def test_without_a_validation_set_there_is_no_held_out_share(make_any, digits):
    assert make_any().fit(digits).held_out_explained_variance_ratio_ is None
    assert make_any().partial_fit(digits).held_out_explained_variance_ratio_ is None


@pytest.mark.parametrize("n_samples", [10, 200])
def test_the_held_out_share_is_that_of_the_last_call(digits, n_samples):
    ae = small_dense(validation_fraction=0.2).fit(digits)
    ae.set_params(validation_fraction=None).partial_fit(digits[:n_samples])
    assert ae.held_out_explained_variance_ratio_ is None


def test_one_held_out_sample_has_no_variance_to_explain(digits):
    ae = small_dense(validation_fraction=0.001).fit(digits)
    assert ae.held_out_explained_variance_ratio_ is None


def test_the_comparison_with_pca_gives_a_held_out_share():
    """It is nearly that of new samples; overfitting makes the other one larger."""
    X = load_digits().data
    params = {"max_epochs": "auto", "hidden_layer_sizes": (128,), "n_components": 8}
    ae = small_dense(**params).fit(X[::3])
    assert ae.n_iter_ > 0
    share = ae.held_out_explained_variance_ratio_
    assert share == pytest.approx(share_of(ae, X[1::3]), abs=0.03)
    assert share < ae.explained_variance_ratio_ - 0.01


def test_at_pca_the_held_out_share_is_that_of_pca():
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(3, 12))
    X, X_new = (
        rng.normal(size=(n, 3)) @ axes + 0.5 * rng.normal(size=(n, 12))
        for n in (4_000, 5_000)
    )
    ae = small_dense(n_components=3, max_epochs="auto").fit(X)
    assert ae.n_iter_ == 0
    share = ae.held_out_explained_variance_ratio_
    assert share == pytest.approx(share_of(ae, X_new), abs=0.01)


@pytest.mark.parametrize("make", [small_dense, small_dense_variational])
def test_an_interrupted_fit_has_neither(make, table):
    ae = make().fit(table).set_params(max_epochs=9, callbacks=[Fails()])
    assert ae.explained_variance_ratio_ is not None
    with pytest.raises(RuntimeError, match="a failure"):
        ae.fit(table)
    assert ae.n_iter_ == 2
    assert ae.explained_variance_ratio_ is None
    assert ae.held_out_explained_variance_ratio_ is None
    assert ae.noise_variance_ is None
    samples = ae.fit_density(table).sample(3)
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("mapped", [False, True])
def test_both_are_measured_on_some_of_many_samples(tmp_path, monkeypatch, mapped):
    monkeypatch.setattr(_quality, "MAX_SAMPLES", 300)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3_000, 3)) @ rng.normal(size=(3, 8)) + rng.normal(
        size=(3_000, 8)
    )
    seen = X
    if mapped:
        np.save(tmp_path / "X.npy", X)
        seen = np.load(tmp_path / "X.npy", mmap_mode="r")
    ae = small_dense(max_epochs=1).fit(seen)
    errors = np.square(X - ae.reconstruct(X)).mean(axis=0)
    assert not np.allclose(ae.noise_variance_, errors, rtol=1e-3)
    np.testing.assert_allclose(ae.noise_variance_, errors, rtol=0.4)
    share = 1 - errors.sum() / X.var(axis=0).sum()
    assert ae.explained_variance_ratio_ == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("value", [0.0, 0.1, 7e5])
def test_constant_data_are_explained(value):
    ae = small_dense(n_components=2, max_epochs=1).fit(np.full((10, 3), value))
    np.testing.assert_allclose(ae.noise_variance_, 0, atol=1e-12 * value**2)
    assert ae.explained_variance_ratio_ == 1.0


def test_scale_and_shift_do_not_change_the_share(table):
    one, other = (fitted(X) for X in (table, 1e5 + 1e-2 * table))
    assert other.explained_variance_ratio_ == pytest.approx(
        one.explained_variance_ratio_, rel=1e-3
    )
    np.testing.assert_allclose(
        other.noise_variance_, 1e-4 * one.noise_variance_, rtol=1e-2
    )


# --- the warning -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "init", "make"),
    [
        (load_breast_cancer, "pca", small_dense),
        (load_breast_cancer, "random", small_dense),
        (load_breast_cancer, "random", small_dense_variational),
        (load_wine, "random", small_dense),
        (load_wine, "random", small_dense_variational),
    ],
)
def test_columns_that_are_lost_are_counted_and_the_scaler_is_named(load, init, make):
    X = load().data
    with pytest.warns(ColumnScaleWarning, match="far apart.*StandardScaler") as caught:
        # With a smaller learning rate, the number of columns is close to the limit, and
        # the processor's rounding decides.
        ae = fitted(X, make, init=init, lr=0.1)
    [warning] = [w for w in caught if w.category is ColumnScaleWarning]
    errors = np.square(ae.reconstruct(X) - X).mean(axis=0)
    n_lost = (errors > X.var(axis=0)).sum()
    assert f"{n_lost} of {X.shape[1]} columns" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_scaled_columns_do_not_warn(load, scaler, init):
    X = scaler.fit_transform(load().data)
    assert warnings_of(lambda: fitted(X, init=init)) == []


@pytest.mark.parametrize("init", ["pca", "random"])
def test_columns_in_one_unit_do_not_warn_however_short_the_training(digits, init):
    ae = small_dense(max_epochs=1, lr=1e-9, init=init)
    assert warnings_of(lambda: ae.fit(digits)) == []


@pytest.mark.parametrize(
    ("init", "untrained"), [("pca", []), ("random", [ColumnScaleWarning])]
)
def test_a_large_column_does_not_warn_if_the_others_are_learned(init, untrained):
    X = np.random.default_rng(0).normal(size=(200, 1)) @ np.ones((1, 6))
    X[:, 0] *= 20
    assert warnings_of(lambda: fitted(X, batch_size=10, init=init)) == []
    ae = small_dense(max_epochs=1, lr=1e-9, init=init)
    assert warnings_of(lambda: ae.fit(X)) == untrained


def test_pca_loses_no_column():
    """At PCA, the error of each training column is at most its variance."""
    X = load_wine().data
    ae = small_dense(n_components=1, max_epochs=1, lr=1e-30)
    assert warnings_of(lambda: ae.fit(X)) == []
    errors = np.square(ae.reconstruct(X) - X).mean(axis=0)
    assert (errors < X.var(axis=0) * 1.0001).all()


def test_constant_columns_do_not_count():
    X = np.zeros((50, 20))
    X[:, 0] = np.arange(50)
    assert warnings_of(lambda: fitted(X)) == []
