"""scikit-learn's estimator checks: all run, and all pass without a warning."""

import re

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
from torch import nn

from skae import (
    BaseAutoencoder,
    BaseVariationalAutoencoder,
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


class LinearAutoencoder(BaseAutoencoder):
    """An own architecture."""

    def _build_networks(self, n_features):
        return (
            nn.Linear(n_features, self.n_components),
            nn.Linear(self.n_components, n_features),
        )


class LinearVariationalAutoencoder(BaseVariationalAutoencoder):
    """An own variational architecture."""

    def _build_networks(self, n_features):
        return (
            nn.Linear(n_features, 2 * self.n_components),
            nn.Linear(self.n_components, n_features),
        )


ESTIMATORS = [
    DenseAutoencoder,
    ConvAutoencoder,
    DenseVariationalAutoencoder,
    ConvVariationalAutoencoder,
    LinearAutoencoder,
    LinearVariationalAutoencoder,
]


def quick(estimator, max_epochs=10):
    """Return the estimator with its defaults, except for what takes long."""
    few = {"max_epochs": max_epochs, "n_flow_layers": 2}
    accepted = estimator().get_params()
    return estimator(**{name: few[name] for name in few if name in accepted})


# Checks that scikit-learn applies to its own estimators, in addition to check_estimator.
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


# Warnings are errors in this suite; only these, of skae, are allowed.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::skae.exceptions.{warning.__name__}")
    for warning in (ImageShapeWarning, OutputRangeWarning, PosteriorCollapseWarning)
]

# What scikit-learn says of array libraries and devices that are not available.
UNAVAILABLE = "|".join(
    [
        "is not installed",
        "requires cuda, which is not available",
        "no XPU device is available",
        "MPS device test because",
        "MPS is not available",
    ]
)


def check_names(estimator):
    """Return the names of the checks that scikit-learn yields for an estimator."""
    return {
        getattr(check, "func", check).__name__
        for _, check in estimator_checks_generator(estimator)
    }


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_checks_pass(estimator, monkeypatch):
    # Before its CUDA checks, scikit-learn asks whether torch was built for CUDA, and not
    # whether there is a GPU.
    monkeypatch.setattr(torch.backends.cuda, "is_built", torch.cuda.is_available)
    results = check_estimator(quick(estimator), on_skip=None, on_fail=None)
    failed = {
        result["check_name"]: result["exception"]
        for result in results
        if result["status"] != "passed"
        and not (
            result["status"] == "skipped"
            and result["check_name"].startswith("check_array_api")
            and re.search(UNAVAILABLE, str(result["exception"]))
        )
    }
    assert failed == {}
    assert check_names(PCA()) <= {result["check_name"] for result in results}


# These checks mix data frames with plain arrays, for PCA too.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("check", OWN_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_checks_that_scikit_learn_applies_to_its_own(estimator, check):
    assert check(estimator.__name__, quick(estimator, max_epochs=1)) is None
