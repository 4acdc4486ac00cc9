"""The validation set, its loss, and early stopping."""

import numpy as np
import pytest
from helpers import Rates, small_dense
from skorch.callbacks import Callback, EarlyStopping, EpochScoring


def test_there_is_no_validation_set_by_default(digits):
    assert small_dense().fit(digits).validation_loss_curve_ is None


@pytest.mark.parametrize(
    ("params", "n_held_out"),
    [
        ({"validation_fraction": 0.25}, 50),
        ({"early_stopping": True}, 20),
        ({"early_stopping": True, "validation_fraction": 0.5}, 100),
    ],
)
def test_a_fraction_of_the_samples_is_the_validation_set(
    make_small, digits, params, n_held_out
):
    class Seen(Callback):
        def on_train_begin(self, net, **kwargs):
            self.sizes_ = []

        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            X = np.concatenate([dataset_train.X, dataset_valid.X])
            self.samples_ = X[np.lexsort(X.T)]
            self.sizes_.append((len(dataset_train), len(dataset_valid)))

    ae = make_small(callbacks=[Seen()], **params).fit(digits)
    seen = ae.callbacks_[0][1]
    assert set(seen.sizes_) == {(200 - n_held_out, n_held_out)}
    X = digits.astype(np.float32)
    np.testing.assert_array_equal(seen.samples_, X[np.lexsort(X.T)])
    assert len(ae.validation_loss_curve_) == len(ae.loss_curve_) == ae.n_iter_


@pytest.mark.parametrize("callbacks", [[], [EpochScoring("r2", on_train=True)]])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_the_validation_loss_is_that_of_the_held_out_samples(digits, init, callbacks):
    params = {"shuffle": False, "init": init}
    ae = small_dense(validation_fraction=0.1, callbacks=callbacks, **params)
    ae.fit(digits)
    held_out = digits[-20:]  # without shuffle, the last ones
    assert ae.validation_loss_curve_[-1] == pytest.approx(-ae.score(held_out), rel=1e-5)
    alone = small_dense(**params).fit(digits[:-20])
    assert ae.loss_curve_ == pytest.approx(alone.loss_curve_, rel=1e-6)


@pytest.mark.parametrize("scale", [0.01, 100])
def test_the_validation_loss_is_in_units_of_the_data(digits, scale):
    X = scale * (digits - 2)
    ae = small_dense(shuffle=False, validation_fraction=0.1).fit(X)
    error = -ae.score(X[-20:])
    assert ae.validation_loss_curve_[-1] == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_first_weights_do_not_depend_on_the_validation_set(shuffle):
    """In noise, principal axes are those of the samples that they are computed from."""
    X = np.random.default_rng(0).normal(size=(80, 60))
    ae = small_dense(
        n_components=20, lr=1e-30, validation_fraction=0.5, shuffle=shuffle, max_epochs=1
    ).fit(X)
    assert ae.validation_loss_curve_[0] > 1.5 * ae.loss_curve_[0]


def test_early_stopping_trains_however_little_it_helps():
    """The samples that are held out decide when to stop, not whether to start."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 10)) + rng.normal(size=(100, 10))
    params = {"n_components": 3, "max_epochs": "auto", "n_iter_no_change": 2}
    assert small_dense(**params).fit(X).n_iter_ == 0
    ae = small_dense(early_stopping=True, **params).fit(X)
    assert ae.n_iter_ == len(ae.validation_loss_curve_) >= 1
    ae = small_dense(validation_fraction=0.1, **params).fit(X)
    assert ae.n_iter_ == len(ae.validation_loss_curve_) >= 50


def test_early_stopping_keeps_the_weights_of_the_best_epoch():
    X = np.random.default_rng(0).normal(size=(60, 20))  # nothing to generalise
    ae = small_dense(
        hidden_layer_sizes=(256,),
        n_components=20,
        lr=0.01,
        max_epochs=500,
        early_stopping=True,
        n_iter_no_change=5,
        shuffle=False,
    ).fit(X)
    curve = ae.validation_loss_curve_
    best = int(np.argmin(curve))
    assert ae.n_iter_ < 500
    assert best <= ae.n_iter_ - 5
    assert -ae.score(X[-6:]) == pytest.approx(curve[best], rel=1e-3)


def test_early_stopping_trains_at_a_constant_rate(digits):
    ae = small_dense(early_stopping=True, lr=0.01, callbacks=[Rates()]).fit(digits)
    assert set(ae.callbacks_[0][1].rates_) == {0.01}


def test_tol_is_the_share_by_which_the_loss_must_improve(digits):
    ae = small_dense(
        early_stopping=True, tol=0.99, n_iter_no_change=2, max_epochs=50
    ).fit(digits)
    assert ae.n_iter_ == 3  # the first is the best, then two


def test_the_callback_of_early_stopping_is_not_in_callbacks(digits):
    ae = small_dense(early_stopping=True, callbacks=[("mine", Callback())]).fit(digits)
    assert [name for name, _ in ae.callbacks_] == ["mine"]


def test_callbacks_find_the_validation_set(digits):
    ae = small_dense(
        validation_fraction=0.2,
        max_epochs=30,
        callbacks=[
            EpochScoring("neg_mean_squared_error", lower_is_better=False, name="mse"),
            EarlyStopping(patience=2, threshold=10.0),
        ],
    ).fit(digits)
    assert ae.n_iter_ == 3
    assert ae.history_[:, "mse"] == pytest.approx(
        [-loss for loss in ae.validation_loss_curve_], rel=1e-4
    )


@pytest.mark.parametrize(
    "params", [{"early_stopping": True}, {"validation_fraction": 0.9}]
)
def test_a_fraction_that_leaves_no_training_samples_is_refused(params):
    with pytest.raises(ValueError, match="of 1 sample leaves no training samples"):
        small_dense(**params).fit(np.zeros((1, 4)))


def test_verbose_early_stopping_does_not_print(digits, capsys):
    small_dense(
        early_stopping=True, tol=0.99, n_iter_no_change=1, max_epochs=9, verbose=1
    ).fit(digits)
    assert capsys.readouterr().out == ""
