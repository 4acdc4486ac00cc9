"""partial_fit and warm_start: resuming the training of a fitted model."""

import copy
import functools
import pickle

import numpy as np
import pytest
import torch
from helpers import Rates, press_ctrl_c, small_dense
from observed import assert_unfitted, observed
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from skae._training.optimizers import OPTIMIZERS

CONSTANT = {"lr_schedule": "constant", "shuffle": False}


class Optimizer(Callback):
    """Keeps the class of the optimizer."""

    def on_train_begin(self, net, **kwargs):
        self.kind_ = type(net.optimizer_)


def in_parts(ae, X, n_calls=5):
    for _ in range(n_calls):
        ae.partial_fit(X)
    return ae


# --- partial_fit ----------------------------------------------------------------


def test_five_partial_fits_are_a_fit_of_five_epochs(make_small, digits, all_weights):
    whole = make_small(max_epochs=5, weight_decay=0, **CONSTANT).fit(digits)
    parts = in_parts(make_small(shuffle=False), digits)
    np.testing.assert_array_equal(all_weights(parts), all_weights(whole))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == len(parts.history_) == 5


def test_shuffled_partial_fits_are_a_shuffled_fit(digits, all_weights):
    params = {"lr_schedule": "constant", "weight_decay": 0}
    whole = small_dense(max_epochs=5, **params).fit(digits)
    np.testing.assert_array_equal(
        all_weights(in_parts(small_dense(), digits)), all_weights(whole)
    )


def test_partial_fit_resumes_a_loaded_model_as_if_never_saved(digits, all_weights):
    whole = in_parts(small_dense(), digits)
    saved = in_parts(small_dense(), digits, 2)
    for _ in range(3):
        saved = pickle.loads(pickle.dumps(saved)).partial_fit(digits)
    np.testing.assert_array_equal(all_weights(saved), all_weights(whole))


def test_a_loaded_model_may_be_saved_again_before_it_is_resumed(digits, all_weights):
    ae = in_parts(small_dense(), digits, 2)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(ae))))
    np.testing.assert_array_equal(
        all_weights(again.partial_fit(digits)), all_weights(ae.partial_fit(digits))
    )


def test_partial_fit_after_fit_resumes_the_fitted_model(digits):
    ae = small_dense(max_epochs=20).fit(digits)
    fitted = ae.loss_curve_[-1]
    ae.set_params(lr=1e-3).partial_fit(digits)
    assert len(ae.loss_curve_) == 21
    assert ae.loss_curve_[-1] < 1.1 * fitted


def test_partial_fit_of_a_loaded_model_starts_with_a_new_optimizer(digits):
    ae = small_dense(max_epochs=20).fit(digits)
    loaded = pickle.loads(pickle.dumps(ae)).set_params(lr=1e-3).partial_fit(digits)
    assert loaded.n_iter_ == 21
    assert loaded.loss_curve_[-1] < 1.1 * ae.loss_curve_[-1]


@pytest.mark.parametrize(("init", "error"), [("pca", 0.03), ("random", 0.08)])
def test_parts_of_any_size_are_learnt(digits, init, error):
    ae = small_dense(lr=0.01, batch_size="auto", init=init)
    for _ in range(10):
        for part in np.array_split(digits, [10, 11, 90]):
            ae.partial_fit(part)
    assert ae.n_iter_ == 40
    untrained = small_dense(max_epochs=1, init=init).fit(digits)
    assert ae.score(digits) > -error > untrained.score(digits)


def test_the_learning_rate_of_a_call_is_lr(digits):
    ae = small_dense(lr=0.01, lr_schedule="onecycle", callbacks=[Rates()])
    ae.partial_fit(digits).set_params(lr=0.02).partial_fit(digits)
    assert ae.callbacks_[0][1].rates_ == [0.01] * 7 + [0.02] * 7


def test_fit_after_partial_fit_starts_a_new_model(digits, all_weights):
    ae = in_parts(small_dense(), digits, 2).fit(digits)
    np.testing.assert_array_equal(all_weights(ae), all_weights(small_dense().fit(digits)))
    assert b"exp_avg" not in pickle.dumps(ae)


def test_partial_fit_keeps_the_output_activation(digits):
    ae = small_dense().partial_fit(digits)
    with pytest.warns(UserWarning, match="X ranges from"):
        ae.partial_fit(3 * digits)
    assert ae.output_activation_ == "sigmoid"


def test_partial_fit_validates_if_asked(digits):
    ae = in_parts(small_dense(validation_fraction=0.2), digits, 2)
    assert len(ae.validation_loss_curve_) == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"n_components": 5},
            r"n_components=5 is invalid in partial_fit .* 4 components",
        ),
        ({"early_stopping": True}, "early_stopping=True is invalid in partial_fit"),
        ({"loss": "mse"}, "loss='mse' is invalid"),
        ({"lr": -1.0}, r"lr=-1\.0 is invalid"),
    ],
)
def test_parameters_that_partial_fit_cannot_use_are_refused(digits, params, message):
    ae = small_dense().partial_fit(digits).set_params(**params)
    before = observed(ae, digits)
    with pytest.raises(ValueError, match=message):
        ae.partial_fit(digits)
    np.testing.assert_equal(observed(ae, digits), before)


def test_other_features_are_refused(digits):
    ae = small_dense().partial_fit(digits)
    with pytest.raises(ValueError, match="X has 60 features, but DenseAutoencoder is"):
        ae.partial_fit(digits[:, :60])


def spoil(net):
    with torch.no_grad():
        next(net.module_.parameters()).fill_(torch.nan)


def fail(net):
    raise RuntimeError("a bad callback")


@pytest.mark.usefixtures("_ctrl_c_interrupts")
@pytest.mark.parametrize(
    ("action", "error"),
    [
        (lambda net: press_ctrl_c(), KeyboardInterrupt),
        (fail, RuntimeError),
        (spoil, ValueError),
    ],
    ids=["Ctrl-C", "error", "divergence"],
)
@pytest.mark.parametrize("hook", ["on_batch_end", "on_epoch_end", "on_train_end"])
def test_a_failure_undoes_the_call(digits, all_weights, action, error, hook):
    def act(self, net, **kwargs):
        if self.armed:
            action(net)

    failing = type("Failing", (Callback,), {hook: act, "armed": False})
    ae = in_parts(small_dense(callbacks=[failing()]), digits, 2)
    before = observed(ae, digits)
    ae.callbacks_[0][1].armed = True
    with pytest.raises(error):
        ae.partial_fit(digits)
    np.testing.assert_equal(observed(ae, digits), before)
    assert ae.n_iter_ == len(ae.loss_curve_) == len(ae.history_) == 2
    ae.callbacks_[0][1].armed = False
    np.testing.assert_array_equal(
        all_weights(ae.partial_fit(digits)),
        all_weights(in_parts(small_dense(), digits, 3)),
    )


def test_a_failed_first_call_leaves_an_unfitted_estimator(digits):
    ae = small_dense()
    with pytest.raises(ValueError, match="contains NaN, in row 3"):
        ae.partial_fit(np.where(np.arange(200)[:, None] == 3, np.nan, digits))
    assert_unfitted(ae)


def test_partial_fit_resumes_a_model_of_early_stopping(digits):
    ae = small_dense(early_stopping=True).fit(digits)
    ae.set_params(early_stopping=False).partial_fit(digits)
    assert len(ae.loss_curve_) == ae.n_iter_ == 4


@pytest.mark.parametrize("callback", [LRScheduler, LRScheduler(), ("a", LRScheduler())])
def test_a_schedule_that_would_start_again_is_refused(digits, callback):
    with pytest.raises(ValueError, match=r"LRScheduler, .* set_params\(lr=\.\.\.\)"):
        small_dense(callbacks=[callback]).partial_fit(digits)
    ae = small_dense(callbacks=[callback]).fit(digits)
    with pytest.raises(ValueError, match="LRScheduler"):
        ae.partial_fit(digits)


def test_a_callback_that_needs_validation_is_refused_without_it(digits):
    stop = EarlyStopping(monitor="valid_loss")
    ae = small_dense(callbacks=[stop], validation_fraction=0.1).partial_fit(digits)
    with pytest.raises(ValueError, match="there is no validation set"):
        ae.set_params(validation_fraction=None).partial_fit(digits)


class FirstSample(Callback):
    """Keeps the first sample of the last epoch, in the units of the data."""

    def on_epoch_begin(self, net, **kwargs):
        self.sample_ = None

    def on_batch_begin(self, net, batch=None, **kwargs):
        if self.sample_ is None:
            standardizer = net.module_.encoder.standardizer
            X = batch[0] if standardizer is None else standardizer.inverse(batch[0])
            self.sample_ = X[0].numpy().copy()


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda ae: ae])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_shuffle_may_change_between_calls_of_partial_fit(digits, copy_of, init):
    ae = copy_of(small_dense(callbacks=[FirstSample()], init=init).fit(digits))
    first = ae.partial_fit(digits).callbacks_[0][1].sample_
    assert not np.allclose(first, digits[0])
    first = ae.set_params(shuffle=False).partial_fit(digits).callbacks_[0][1].sample_
    np.testing.assert_allclose(first, digits[0], rtol=1e-6, atol=1e-6)


# --- warm_start -----------------------------------------------------------------


def test_a_warm_start_starts_from_the_fitted_weights(make_small, digits):
    ae = make_small(warm_start=True, max_epochs=10).fit(digits)
    first = ae.loss_curve_
    second = ae.set_params(lr=1e-3).fit(digits).loss_curve_
    assert len(second) == ae.n_iter_ == 10
    assert second[0] < 1.1 * first[-1]
    assert second[-1] < first[-1]


def test_without_a_warm_start_each_fit_is_the_same(digits, all_weights):
    ae = small_dense().fit(digits)
    first = all_weights(ae)
    np.testing.assert_array_equal(all_weights(ae.fit(digits)), first)


def test_a_warm_start_restarts_the_schedule(digits):
    ae = small_dense(warm_start=True, max_epochs=3, callbacks=[Rates()]).fit(digits)
    first = ae.callbacks_[0][1].rates_
    assert ae.fit(digits).callbacks_[0][1].rates_ == first
    assert len(set(first)) > 3


def test_a_warm_start_keeps_the_optimizers_state(digits, all_weights):
    whole = small_dense(max_epochs=4, **CONSTANT).fit(digits)
    ae = small_dense(max_epochs=2, warm_start=True, **CONSTANT).fit(digits)
    ae = pickle.loads(pickle.dumps(ae)).fit(digits)
    np.testing.assert_array_equal(all_weights(ae), all_weights(whole))


def test_a_warm_start_may_change_the_optimizer(digits):
    ae = small_dense(warm_start=True, callbacks=[Optimizer()]).fit(digits)
    assert ae.callbacks_[0][1].kind_ is OPTIMIZERS["adam"]
    first = ae.loss_curve_[-1]
    ae.set_params(optimizer="sgd", lr=0.1).fit(digits)
    assert ae.callbacks_[0][1].kind_ is OPTIMIZERS["sgd"]
    assert ae.loss_curve_[-1] < 1.01 * first


def test_a_warm_start_may_change_the_options_of_the_optimizer(digits):
    ae = small_dense(warm_start=True).fit(digits)
    first = ae.loss_curve_[-1]
    ae.set_params(optimizer=functools.partial(torch.optim.Adam, amsgrad=True))
    assert ae.fit(digits).loss_curve_[-1] < first


def test_weights_of_other_shapes_are_named(digits):
    ae = small_dense(warm_start=True).fit(digits).set_params(hidden_layer_sizes=(7,))
    before = observed(ae, digits)
    with pytest.raises(ValueError, match=r"encoder.* has shape \(7, 64\), but had \(16,"):
        ae.fit(digits)
    np.testing.assert_equal(observed(ae, digits), before)


def test_a_failed_warm_start_leaves_the_fitted_model(digits):
    ae = small_dense(warm_start=True).fit(digits).set_params(optimizer="sgd", lr=1e30)
    before = observed(ae, digits)
    with pytest.raises(ValueError, match="diverged"):
        ae.fit(digits)
    np.testing.assert_equal(observed(ae, digits), before)


# --- saving --------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "is_saved"),
    [
        (lambda X: small_dense().fit(X), False),
        (lambda X: small_dense(warm_start=True).fit(X), True),
        (lambda X: small_dense().partial_fit(X), True),
        (lambda X: small_dense().fit(X).partial_fit(X), True),
        (lambda X: small_dense().partial_fit(X).fit(X), False),
    ],
)
def test_the_optimizer_state_is_saved_only_if_training_can_resume(
    digits, train, is_saved
):
    assert (b"exp_avg" in pickle.dumps(train(digits))) is is_saved
