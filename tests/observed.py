"""What a user can see of an estimator, to compare it before and after a call."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted


def observed(estimator, X):
    """Return what can be seen of a fitted estimator: compare with `assert_equal`.

    Parameters, fitted attributes, weights, what the methods return for `X`, and samples.
    """
    seen = {
        "params": estimator.get_params(deep=False),
        "fitted": {
            name: value
            for name, value in vars(estimator).items()
            if name.endswith("_") and name[0] != "_" and name != "density_"
        },
        "weights": [w.detach().cpu().numpy().copy() for w in weights(estimator)],
        "losses": estimator.history_[:, "train_loss"],
        "codes": estimator.transform(X),
        "score": estimator.score(X),
        "density": type(estimator.density_),
    }
    if estimator.density_ is not None:
        seen["sample"] = estimator.sample(5, random_state=0)
    return seen


def weights(estimator):
    return estimator.module_.state_dict().values()


def assert_unfitted(estimator):
    """Assert that nothing can be seen of a fit."""
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)
    public = {name: v for name, v in vars(estimator).items() if name[0] != "_"}
    np.testing.assert_equal(public, estimator.get_params(deep=False))
    assert not any(hasattr(estimator, name) for name in ("encoder_", "history_"))


def fingerprint(estimator, X):
    """Return what can be seen of a fitted estimator as one hashable value.

    `X` must be such that the estimator can transform it. None if it is not fitted.
    """
    if not hasattr(estimator, "n_iter_"):
        return None
    codes = estimator.transform(X)
    samples = b""
    if estimator.density_ is not None:
        samples = estimator.sample(3, random_state=0).tobytes()
    return (
        codes.tobytes(),
        estimator.inverse_transform(codes).tobytes(),
        samples,
        tuple(estimator.loss_curve_),
        estimator.validation_loss_curve_ and tuple(estimator.validation_loss_curve_),
        estimator.n_iter_,
        len(estimator.history_),
        estimator.output_activation_,
        estimator.image_shape_,
        estimator.n_features_in_,
        tuple(getattr(estimator, "feature_names_in_", ())),
        estimator.encoder_.training,
        np.shape(codes),
    )
