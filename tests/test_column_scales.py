"""The warning for columns that are lost because others are on a larger scale."""

import warnings

import numpy as np
import pytest
from helpers import small_dense, small_dense_variational
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae.exceptions import ColumnScaleWarning


def fitted(X, make=small_dense, **params):
    return make(n_components=4, max_epochs=10, lr=0.01, **params).fit(X)


def warnings_of(call):
    """Return the categories of the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [warning.category for warning in caught]


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("make", [small_dense, small_dense_variational])
@pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning")
def test_columns_that_are_lost_are_counted_and_the_scaler_is_named(load, make):
    X = load().data
    with pytest.warns(ColumnScaleWarning, match="far apart.*StandardScaler") as caught:
        ae = fitted(X, make)
    [warning] = [w for w in caught if w.category is ColumnScaleWarning]
    errors = np.square(ae.reconstruct(X) - X).mean(axis=0)
    n_lost = (errors > X.var(axis=0)).sum()
    assert f"{n_lost} of {X.shape[1]} columns" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_scaled_columns_do_not_warn(load, scaler):
    X = scaler.fit_transform(load().data)
    assert warnings_of(lambda: fitted(X)) == []


def test_columns_in_one_unit_do_not_warn_however_short_the_training(digits):
    assert warnings_of(lambda: small_dense(max_epochs=1, lr=1e-9).fit(digits)) == []


def test_a_large_column_does_not_warn_if_the_others_are_learned():
    X = np.random.default_rng(0).normal(size=(200, 1)) @ np.ones((1, 6))
    X[:, 0] *= 20
    assert warnings_of(lambda: fitted(X, batch_size=10)) == []
    untrained = warnings_of(lambda: small_dense(max_epochs=1, lr=1e-9).fit(X))
    assert untrained == [ColumnScaleWarning]


def test_constant_columns_do_not_count():
    X = np.zeros((50, 20))
    X[:, 0] = np.arange(50)
    assert warnings_of(lambda: fitted(X)) == []
