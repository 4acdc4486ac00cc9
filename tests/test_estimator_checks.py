"""scikit-learn's own checks, all of them, with no excuse and no warning."""

import re
from collections import Counter

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_get_feature_names_out_error,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_inplace_ensure_writeable,
    check_n_features_in_after_fitting,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    estimator_checks_generator,
)

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)
from skae.exceptions import (
    ImageShapeWarning,
    OutputRangeWarning,
    PosteriorCollapseWarning,
)

ESTIMATORS = [
    DenseAutoencoder,
    ConvAutoencoder,
    DenseVariationalAutoencoder,
    ConvVariationalAutoencoder,
]


def quick(estimator, max_epochs=10):
    """The estimator with its defaults, but for what takes long and is not looked at."""
    few = {"max_epochs": max_epochs, "n_flow_layers": 2}
    accepted = estimator().get_params()
    return estimator(**{name: few[name] for name in few if name in accepted})


# What scikit-learn applies to its own estimators beside check_estimator.
OWN_CHECKS = [
    check_dataframe_column_names_consistency,
    check_get_feature_names_out_error,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_inplace_ensure_writeable,
    check_n_features_in_after_fitting,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
]


# Warnings are errors in this suite; only skae's own, by their names, are let through.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::skae.exceptions.{warning.__name__}")
    for warning in (ImageShapeWarning, OutputRangeWarning, PosteriorCollapseWarning)
]


def check_names(estimator):
    return Counter(
        getattr(check, "func", check).__name__
        for _, check in estimator_checks_generator(estimator)
    )


# What scikit-learn says of array libraries and devices that are not there.
NOT_THERE = "|".join(
    [
        "is not installed",
        "requires cuda, which is not available",
        "no XPU device is available",
        "MPS device test because",
        "MPS is not available",
    ]
)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_checks_pass(estimator, monkeypatch):
    # Before its CUDA checks, scikit-learn asks whether torch was built for CUDA, and not
    # whether there is a GPU.
    monkeypatch.setattr(torch.backends.cuda, "is_built", torch.cuda.is_available)
    results = check_estimator(quick(estimator), on_skip=None)
    for result in results:
        if result["status"] == "skipped":
            assert result["check_name"].startswith("check_array_api")
            assert re.search(NOT_THERE, str(result["exception"]))
        else:
            assert result["status"] == "passed"
    assert len(results) == sum(check_names(PCA()).values())


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_checks_are_those_of_pca(estimator):
    assert check_names(estimator()) == check_names(PCA())


# These checks mix data frames with plain arrays, for PCA too.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("check", OWN_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_checks_that_scikit_learn_applies_to_its_own(estimator, check):
    assert check(estimator.__name__, quick(estimator, max_epochs=1)) is None
