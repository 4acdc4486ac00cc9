"""Autoencoders in the pipelines, searches and frames of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import small_conv, small_dense
from observed import assert_unfitted
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, KernelPCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler


@pytest.fixture(scope="module")
def labelled():
    X, y = load_digits(return_X_y=True)
    return X[:150] / 16, y[:150]


def test_clone_keeps_parameters_and_drops_the_fit(make_small, digits):
    ae = make_small(lr=0.01).fit(digits)
    copy = clone(ae)
    assert copy.get_params() == ae.get_params()
    assert_unfitted(copy)


def test_a_pipeline_with_kernel_pca(make_small, labelled):
    X, _ = labelled
    pipe = Pipeline([("ae", make_small()), ("kpca", KernelPCA(3))])
    assert pipe.fit_transform(X).shape == (150, 3)


def test_a_pipeline_with_a_classifier_beats_guessing(make_small, labelled):
    X, y = labelled
    pipe = make_pipeline(
        make_small(n_components=8, max_epochs=60), LogisticRegression(max_iter=500)
    )
    assert pipe.fit(X, y).score(X, y) > 0.5


def test_a_pipeline_reconstructs_in_the_units_of_x(make_small, labelled):
    X, _ = labelled
    pipe = make_pipeline(StandardScaler(), make_small(max_epochs=30)).fit(X * 100 + 7)
    X_original = pipe.inverse_transform(pipe.transform(X * 100 + 7))
    assert X_original.shape == X.shape
    error = ((X_original - (X * 100 + 7)) ** 2).mean()
    assert error < 0.8 * (X * 100).var(axis=0).mean()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_over_sizes(labelled, n_jobs):
    X, y = labelled
    pipe = Pipeline([("ae", small_dense()), ("classify", LogisticRegression())])
    grid = {"ae__n_components": [2, 8], "ae__hidden_layer_sizes": [(8,), (16, 8)]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=n_jobs).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_["ae"].n_iter_ == 3


def test_a_grid_search_gives_the_same_with_one_job_and_two(labelled):
    X, y = labelled
    pipe = Pipeline([("ae", small_dense()), ("classify", LogisticRegression())])
    scores = [
        GridSearchCV(pipe, {"ae__n_components": [2, 8]}, cv=2, n_jobs=n_jobs)
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_over_the_estimator_itself(labelled, n_jobs):
    X, y = labelled
    pipe = Pipeline([("reduce", PCA()), ("classify", LogisticRegression(max_iter=500))])
    grid = {
        "reduce": [PCA(), small_dense(), small_conv()],
        "reduce__n_components": [2, 8],
    }
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=n_jobs).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.cv_results_["params"][2]["reduce__n_components"] == 2


def test_cross_val_score_uses_the_reconstruction_score(make_small, labelled):
    X, _ = labelled
    scores = cross_val_score(make_small(), X, cv=3)
    assert scores.shape == (3,)
    assert (scores < 0).all()


def test_a_search_without_a_scorer_takes_the_better_reconstruction(labelled):
    X, _ = labelled
    search = GridSearchCV(small_dense(), {"max_epochs": [1, 60]}, cv=2).fit(X)
    assert search.best_params_ == {"max_epochs": 60}


def test_a_feature_union_joins_codes_and_components(make_small, labelled):
    X, _ = labelled
    union = FeatureUnion([("ae", make_small()), ("pca", PCA(3))])
    assert union.fit_transform(X).shape == (150, 7)
    prefix = type(make_small()).__name__.lower()
    assert union.get_feature_names_out()[0] == f"ae__{prefix}0"


def test_a_column_transformer_encodes_some_columns_of_a_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 5)), columns=list("abcde"))
    frame["kind"] = rng.choice(["x", "y"], 40)
    columns = ColumnTransformer(
        [("ae", small_dense(), list("abcd"))], remainder="drop"
    ).set_output(transform="pandas")
    codes = columns.fit_transform(frame)
    assert codes.columns[0] == "ae__denseautoencoder0"
    assert codes.shape == (40, 4)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_gives_a_frame_that_decodes(make_small, labelled, container):
    X, _ = labelled
    ae = make_small().fit(X)
    plain = ae.transform(X)
    frame = ae.set_output(transform=container).transform(X)
    assert type(frame).__module__.startswith(container)
    np.testing.assert_array_equal(frame.to_numpy(), plain)
    np.testing.assert_array_equal(
        ae.inverse_transform(frame), ae.inverse_transform(plain)
    )


def test_images_go_through_a_pipeline(labelled):
    images = labelled[0].reshape(-1, 8, 8)
    pipe = make_pipeline(FunctionTransformer(), small_conv(), MinMaxScaler())
    assert pipe.fit_transform(images).shape == (150, 4)


def test_the_repr_shows_what_differs_from_the_defaults():
    with config_context(print_changed_only=True):
        shown = repr(small_dense().set_params(device="cpu"))
    assert "".join(shown.split()) == (
        "DenseAutoencoder(batch_size=32,device='cpu',hidden_layer_sizes=(16,),"
        "max_epochs=3,n_components=4,random_state=0)"
    )


def test_the_html_repr_works_before_and_after_fit(make_small, labelled):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "max_epochs" in make_small()._repr_html_()
        assert "max_epochs" in make_small().fit(labelled[0])._repr_html_()
