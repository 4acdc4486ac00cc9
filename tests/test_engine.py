"""Training: callbacks, schedules, what stops it early, and what that leaves."""

import asyncio
import copy
import signal
import sys
import threading

import numpy as np
import pytest
import sklearn
import torch
from helpers import Rates, press_ctrl_c, small_dense
from observed import fingerprint
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    LoadInitState,
    LRScheduler,
    TrainEndCheckpoint,
)

import skae
from skae import DenseAutoencoder
from skae._training import net as engine
from skae.exceptions import LargeNetworkWarning, StopTraining

# --- steps and epochs --------------------------------------------------------------


@pytest.mark.parametrize("init", ["pca", "random"])
def test_shuffle_false_takes_the_rows_as_they_come(digits, init):
    class FirstRow(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            if not hasattr(self, "row_"):
                self.row_ = batch[0][:1].clone()

    for shuffle in (False, True):
        ae = small_dense(shuffle=shuffle, callbacks=[FirstRow()], init=init).fit(digits)
        [row] = ae.callbacks_[0][1].row_
        if init == "pca":
            row = ae.encoder_.standardizer.inverse(row)
        assert np.allclose(row, digits[0], atol=1e-6) is not shuffle


def test_the_loss_of_an_epoch_is_weighted_by_rows(digits):
    X = digits[:33]  # a batch of 32 and one of 1
    ae = small_dense(
        max_epochs=1, batch_size=32, lr=1e-12, lr_schedule="constant", optimizer="sgd"
    ).fit(X)  # nothing is learnt: the loss is that of the first weights
    assert ae.loss_curve_[0] == pytest.approx(-ae.score(X), rel=1e-5)


# --- callbacks ------------------------------------------------------------------


def test_early_stopping_stops_at_the_epoch_that_its_patience_gives(digits):
    stop = EarlyStopping(monitor="train_loss", patience=3, threshold=10.0)
    ae = small_dense(max_epochs=20, callbacks=[stop]).fit(digits)
    assert ae.n_iter_ == len(ae.loss_curve_) == 4  # the first is the best, then three


def test_auto_is_constant_beside_early_stopping():
    ae = small_dense(
        lr=0.01, callbacks=[Rates(), EarlyStopping(monitor="train_loss")]
    ).fit(np.random.default_rng(0).random((64, 8)))
    assert set(ae.callbacks_[0][1].rates_) == {0.01}


def test_early_stopping_restores_the_best_weights(digits, all_weights):
    stop = EarlyStopping(monitor="train_loss", patience=3, threshold=10.0, load_best=True)
    constant = {"lr_schedule": "constant"}
    stopped = small_dense(max_epochs=20, callbacks=[stop], **constant).fit(digits)
    best = small_dense(max_epochs=1, **constant).fit(digits)
    np.testing.assert_array_equal(all_weights(stopped), all_weights(best))


def test_a_checkpoint_restores_the_weights_it_kept(digits, all_weights, tmp_path):
    def after_the_second(net):
        return len(net.history) == 2

    keep = Checkpoint(monitor=after_the_second, dirname=tmp_path, load_best=True)
    constant = {"lr_schedule": "constant"}
    kept = small_dense(max_epochs=6, callbacks=[keep], **constant).fit(digits)
    second = small_dense(max_epochs=2, **constant).fit(digits)
    assert kept.n_iter_ == len(kept.loss_curve_) == 6
    assert (tmp_path / "params.pt").exists()
    np.testing.assert_array_equal(all_weights(kept), all_weights(second))


def test_a_checkpoint_follows_the_best_training_loss(digits, tmp_path):
    keep = Checkpoint(monitor="train_loss_best", dirname=tmp_path)
    ae = small_dense(callbacks=[keep]).fit(digits)
    assert ae.history_[:, "event_cp"] == [True, True, True]


def test_an_lr_scheduler_sets_the_rate(digits):
    schedule = LRScheduler(policy="StepLR", step_size=2, gamma=0.1)
    ae = small_dense(max_epochs=6, lr=0.01, callbacks=[schedule]).fit(digits)
    assert ae.history_[:, "event_lr"] == pytest.approx(
        [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001]
    )


def test_an_lr_scheduler_can_step_by_the_batch():
    schedule = LRScheduler(policy="StepLR", step_size=1, gamma=0.5, step_every="batch")
    ae = small_dense(max_epochs=2, lr=0.01, callbacks=[("schedule", schedule), Rates()])
    ae.fit(np.random.default_rng(0).random((64, 8)))
    assert ae.callbacks_[1][1].rates_ == pytest.approx([0.005, 0.0025, 0.00125, 0.000625])


@pytest.mark.parametrize("lr_schedule", ["constant", "onecycle"])
def test_an_lr_scheduler_beside_a_named_schedule_is_refused(digits, lr_schedule):
    ae = small_dense(callbacks=[LRScheduler()], lr_schedule=lr_schedule)
    with pytest.raises(
        ValueError, match=f"lr_schedule='{lr_schedule}' is invalid with an LRScheduler"
    ):
        ae.fit(digits)


@pytest.mark.parametrize("use_caching", [False, True])
def test_epoch_scoring_scores_the_reconstruction(digits, use_caching):
    def mean_error(net, X, y):
        return float(np.mean((net.predict(X) - np.asarray(y)) ** 2))

    score = EpochScoring(
        mean_error,
        on_train=True,
        lower_is_better=True,
        name="mse",
        use_caching=use_caching,
    )
    ae = small_dense(callbacks=[score], lr=1e-9, lr_schedule="constant").fit(digits)
    assert ae.history_[:, "mse"] == pytest.approx([-ae.score(digits)] * 3, rel=1e-4)
    assert ae.history_[-1, "mse_best"] in (True, False)


def test_gradient_clipping_bounds_each_step(digits, all_weights):
    clip = GradientNormClipping(gradient_clip_value=1e-6)
    params = {"optimizer": "sgd", "lr": 1.0, "lr_schedule": "constant", "max_epochs": 1}
    clipped = small_dense(callbacks=[clip], **params).fit(digits)
    first = small_dense(**params | {"lr": 1e-30}).fit(digits)
    moved = np.linalg.norm(all_weights(clipped) - all_weights(first))
    assert moved <= 7 * 1.01e-6  # 7 steps of 200 rows


@pytest.mark.parametrize("monitor", ["valid_loss", "valid_loss_best"])
def test_a_callback_that_waits_for_validation_gets_a_way_out(digits, monitor):
    ae = small_dense(callbacks=[EarlyStopping(monitor=monitor)])
    train = monitor.replace("valid", "train")
    with pytest.raises(
        ValueError, match=rf"validation_fraction=0\.1 .*monitor='{train}'"
    ):
        ae.fit(digits)


def test_callback_classes_are_taken_and_looked_at_too(digits):
    with pytest.raises(ValueError, match=r"EarlyStopping\(monitor='train_loss'\)"):
        small_dense(callbacks=[EarlyStopping]).fit(digits)
    assert (
        small_dense(callbacks=[("rates", Rates)]).fit(digits).callbacks_[0][0] == "rates"
    )


def test_a_scoring_of_rows_held_out_gets_a_way_out(digits):
    ae = small_dense(callbacks=[EpochScoring("neg_mean_squared_error")])
    with pytest.raises(ValueError, match=r"EpochScoring\(\.\.\., on_train=True\)"):
        ae.fit(digits)


def test_a_callback_class_that_needs_arguments_is_named(digits):
    with pytest.raises(ValueError, match="LearningRateAt in callbacks cannot be created"):
        small_dense(callbacks=[LearningRateAt]).fit(digits)


class LearningRateAt(Callback):
    def __init__(self, epoch):
        self.epoch = epoch


class Reports(Callback):
    """Reports to something outside, as trackers and pruners do; remembers in a list."""

    def __init__(self, tracker):
        self.tracker = tracker
        self.losses = []

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.history[-1, "train_loss"])
        self.tracker.report(self.losses[-1])


class Tracker:
    """Cannot be copied."""

    def __init__(self):
        self.lock, self.reported = threading.Lock(), []

    def report(self, loss):
        self.reported.append(loss)


def test_a_callback_reaches_what_it_reports_to_and_keeps_its_own_lists(digits):
    given = Reports(Tracker())
    ae = small_dense(callbacks=[given])
    ae.fit(digits).fit(digits)
    assert given.tracker.reported == 2 * ae.loss_curve_
    assert ae.callbacks_[0][1].losses == ae.loss_curve_
    assert given.losses == []


class Follows(Callback):
    """Reads another callback of the list."""

    def __init__(self, leader):
        self.leaders = {"first": [leader]}

    def on_epoch_end(self, net, **kwargs):
        self.seen_ = list(self.leaders["first"][0].rates_)


def test_callbacks_are_copied_together(digits):
    rates = Rates()
    ae = small_dense(callbacks=[Follows(rates), rates]).fit(digits)
    (_, follows), (_, copied) = ae.callbacks_
    assert follows.leaders["first"][0] is copied
    assert follows.seen_ == copied.rates_


def test_a_checkpoint_can_be_loaded_by_the_callback_beside_it(digits, tmp_path):
    checkpoint = TrainEndCheckpoint(dirname=tmp_path)
    callbacks = [checkpoint, LoadInitState(checkpoint)]
    ae = small_dense(callbacks=callbacks, max_epochs=2).fit(digits)
    assert (tmp_path / "train_end_params.pt").exists()
    assert ae.fit(digits).n_iter_ == 2


def test_a_monitor_that_is_not_recorded_is_named(digits):
    ae = small_dense(callbacks=[EarlyStopping(monitor="nothing")])
    with pytest.raises(ValueError, match=r"EarlyStopping.*monitor='nothing'.*train_loss"):
        ae.fit(digits)


def test_early_stopping_keeps_its_name(digits):
    stop = EarlyStopping(monitor="train_loss")
    ae = small_dense(callbacks=[stop]).fit(digits)
    assert isinstance(dict(ae.callbacks_)["EarlyStopping"], EarlyStopping)


def test_freezing_everything_is_refused(digits):
    with pytest.raises(ValueError, match=r"nothing to train.*Freezer"):
        small_dense(callbacks=[Freezer("*")]).fit(digits)


def test_a_stopped_fit_can_be_copied(digits):
    def mean_error(net, X, y):
        return float(np.mean((net.predict(X) - np.asarray(y)) ** 2))

    scoring = EpochScoring(mean_error, on_train=True, name="mse")
    ae = small_dense(max_epochs=9, callbacks=[scoring, At(2, fail)])
    with pytest.raises(RuntimeError, match="a bad callback"):
        ae.fit(digits)
    copied = copy.deepcopy(ae)
    assert fingerprint(copied, digits) == fingerprint(ae, digits)


def test_a_callback_that_looks_at_batches_changes_nothing(digits, all_weights):
    looked_at = small_dense(callbacks=[Rates()]).fit(digits)
    lean = small_dense().fit(digits)
    np.testing.assert_array_equal(all_weights(looked_at), all_weights(lean))
    assert looked_at.loss_curve_ == pytest.approx(lean.loss_curve_, rel=1e-6)


def test_callbacks_may_have_any_name(digits):
    ae = small_dense(callbacks=[("train_loss", Rates()), ("valid_loss", Rates())])
    assert [name for name, _ in ae.fit(digits).callbacks_] == ["train_loss", "valid_loss"]


def test_callbacks_are_copied(digits):
    given = Rates()
    ae = small_dense(callbacks=[given]).fit(digits)
    name, fitted = ae.callbacks_[0]
    assert name == "Rates"
    assert fitted is not given
    assert not hasattr(given, "rates_")
    assert len(fitted.rates_) == 21


# --- what stops training, and what that leaves -----------------------------------


class At(Callback):
    """Does something in the middle, or at the end, of an epoch."""

    def __init__(self, epoch, action, *, end=False):
        self.epoch = epoch
        self.action = action
        self.end = end

    def on_batch_end(self, net, **kwargs):
        if not self.end and len(net.history) == self.epoch:
            self.action()

    def on_epoch_end(self, net, **kwargs):
        if self.end and len(net.history) == self.epoch:
            self.action()


def fail():
    raise RuntimeError("a bad callback")


def stop():
    raise StopTraining


def two_epochs(digits):
    return small_dense(max_epochs=2, lr_schedule="constant").fit(digits)


@pytest.mark.usefixtures("_ctrl_c_interrupts")
@pytest.mark.parametrize(
    ("action", "error"), [(press_ctrl_c, KeyboardInterrupt), (fail, RuntimeError)]
)
@pytest.mark.parametrize(("epoch", "end"), [(3, False), (2, True)])
def test_an_interruption_leaves_the_last_full_epoch_and_reaches_the_caller(
    digits, all_weights, action, error, epoch, end
):
    ae = small_dense(
        max_epochs=9, lr_schedule="constant", callbacks=[At(epoch, action, end=end)]
    )
    with pytest.raises(error):
        ae.fit(digits)
    assert ae.n_iter_ == len(ae.loss_curve_) == 2
    np.testing.assert_array_equal(all_weights(ae), all_weights(two_epochs(digits)))
    assert not ae.encoder_.training
    assert ae.transform(digits).shape == (200, 4)


@pytest.mark.usefixtures("_ctrl_c_interrupts")
def test_an_interruption_between_the_batches_and_the_callbacks(digits, monkeypatch):
    def interrupted(self, net, **kwargs):
        if len(net.history) == 2:
            press_ctrl_c()

    monkeypatch.setattr(EpochTimer, "on_epoch_end", interrupted)
    ae = small_dense(max_epochs=9)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(digits)
    assert ae.n_iter_ == len(ae.loss_curve_) == len(ae.history_) == 2
    assert ae.transform(digits).shape == (200, 4)


def test_ctrl_c_reaches_the_caller_through_a_handler_of_the_program(digits):
    def handler(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        ae = small_dense(max_epochs=9, callbacks=[At(2, press_ctrl_c, end=True)])
        with pytest.raises(KeyboardInterrupt):
            ae.fit(digits)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ae.n_iter_ == 2


@pytest.mark.usefixtures("_ctrl_c_interrupts")
@pytest.mark.parametrize(
    ("action", "error"), [(press_ctrl_c, KeyboardInterrupt), (fail, RuntimeError)]
)
def test_an_interruption_of_the_first_epoch_leaves_the_estimator_as_it_was(
    digits, action, error
):
    ae = small_dense().fit(digits)
    before = fingerprint(ae, digits)
    ae.set_params(callbacks=[At(1, action)])
    with pytest.raises(error):
        ae.fit(digits[:, :32])
    assert fingerprint(ae, digits) == before


def test_a_callback_may_stop_training(digits):
    ae = small_dense(max_epochs=9, callbacks=[At(2, stop, end=True)]).fit(digits)
    assert ae.n_iter_ == 2
    assert ae.density_ is not None


def test_a_keyboard_interrupt_that_library_code_raises_again_reaches_the_caller(digits):
    async def upload():
        raise KeyboardInterrupt  # as asyncio does on Ctrl-C

    stops = EarlyStopping(monitor="train_loss", patience=5)
    uploads = At(2, lambda: asyncio.run(upload()), end=True)
    ae = small_dense(max_epochs=9, callbacks=[stops, uploads])
    with pytest.raises(KeyboardInterrupt):
        ae.fit(digits)
    assert ae.n_iter_ == 2


@pytest.mark.parametrize("lower_is_better", [True, False])
def test_early_stopping_is_right_for_losses_below_zero(digits, lower_is_better):
    class Falling(Callback):
        def on_epoch_end(self, net, **kwargs):
            sign = 1 if lower_is_better else -1
            net.history.record("score", sign * (-1 - 1e-6 * len(net.history)))

    stops = EarlyStopping("score", patience=2, lower_is_better=lower_is_better)
    ae = small_dense(max_epochs=9, callbacks=[Falling(), stops]).fit(digits)
    assert ae.n_iter_ == 3  # by a millionth each, which is below the threshold


def test_divergence_names_its_epoch_and_leaves_the_estimator_as_it_was(digits):
    ae = small_dense(lr_schedule="constant").fit(digits)
    before = fingerprint(ae, digits)
    ae.set_params(optimizer="sgd", lr=1e30, max_epochs=5)
    with pytest.raises(ValueError, match=r"diverged in epoch 1: .*StandardScaler.*lr"):
        ae.fit(digits * 1e3)
    assert fingerprint(ae, digits) == before


def test_divergence_after_good_epochs_leaves_the_estimator_as_it_was(digits):
    class Poison(Callback):
        def on_batch_end(self, net, **kwargs):
            if len(net.history) == 3:
                with torch.no_grad():
                    next(net.module_.parameters()).fill_(torch.nan)

    ae = small_dense(callbacks=[Poison()])
    with pytest.raises(ValueError, match=r"diverged in epoch 3: .*largest weight is nan"):
        ae.fit(digits)
    assert fingerprint(ae, digits) is None


@pytest.mark.parametrize("callbacks", [[], [Rates()]], ids=["lean", "by batches"])
def test_an_infinite_loss_in_any_batch_is_divergence(callbacks):
    X = np.random.default_rng(0).normal(size=(64, 4))
    X[0] = 1e19  # its square is beyond float32; the weights stay finite
    ae = small_dense(shuffle=False, callbacks=callbacks, init="random")
    with pytest.raises(ValueError, match="diverged in epoch 1: the loss is inf"):
        ae.fit(X)
    ae.set_params(init="pca").fit(X)  # standardised
    assert np.isfinite(ae.loss_curve_).all()
    assert ae.explained_variance_ratio_ > 0.99


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_train_end"])
def test_a_callback_that_spoils_the_last_weights_is_found_out(digits, hook):
    def spoil(self, net, **kwargs):
        with torch.no_grad():
            next(net.module_.parameters()).fill_(torch.nan)

    spoiling = type("Spoiling", (Callback,), {hook: spoil})
    ae = small_dense(callbacks=[spoiling()], max_epochs=1)
    with pytest.raises(ValueError, match="largest weight is nan"):
        ae.fit(digits)
    assert fingerprint(ae, digits) is None


@pytest.mark.parametrize(("epoch", "n_kept"), [(1, None), (3, 2)])
def test_a_device_without_memory_says_what_was_needed(digits, epoch, n_kept):
    def run_out():
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    ae = small_dense(max_epochs=9, callbacks=[At(epoch, run_out)])
    with pytest.raises(
        MemoryError, match=r"device 'cpu' is too small.*32 samples.*20 GiB"
    ):
        ae.fit(digits)
    assert getattr(ae, "n_iter_", None) == n_kept


def test_data_that_become_nan_during_a_fit_are_named_by_their_rows(digits):
    X = digits.astype(np.float32)

    class Spoils(Callback):
        def on_epoch_end(self, net, **kwargs):
            X[[3, 7]] = np.nan

    ae = small_dense(max_epochs=5, callbacks=[Spoils()])
    with pytest.raises(ValueError, match="X contains NaN, in rows 3, 7"):
        ae.fit(X)


@pytest.mark.parametrize(
    ("params", "n_parameters"),
    [
        ({"init": "random"}, "2,276"),
        ({}, "2,856"),  # with the linear maps: 64 * 4 + 4 and 4 * 64 + 64
        ({"max_epochs": "auto"}, "2,856"),  # which compares with PCA
    ],
)
def test_networks_far_too_large_for_the_data_are_warned_of(
    digits, monkeypatch, params, n_parameters
):
    monkeypatch.setattr(skae._base, "LARGE_NETWORK", 1_000)
    with pytest.warns(
        LargeNetworkWarning, match=rf"{n_parameters} parameters for 64 values"
    ) as caught:
        small_dense(**params).fit(digits[:1])
    assert len(caught) == 1
    small_dense(**params).fit(digits)  # 12,800 values


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_values_that_are_not_checked_are_divergence(digits, init, value):
    X = np.where(np.arange(200)[:, None] == 3, value, digits)
    message = r"X contains|diverged"
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match=message),
    ):
        small_dense(init=init).fit(X)


def test_networks_beyond_all_memory_are_an_error_that_names_them(digits):
    class Huge(DenseAutoencoder):
        def _build_networks(self, n_features):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    message = r"Huge for 64 features and n_components=9 .*can't allocate.*Use fewer"
    with pytest.raises(MemoryError, match=message):
        Huge(n_components=9).fit(digits)


def test_values_too_large_to_square_are_divergence():
    X = np.linspace(-1e30, 1e30, 40).reshape(10, 4)
    with pytest.raises(ValueError, match="diverged in epoch 1: the loss is"):
        small_dense(init="random").fit(X)


def test_values_too_large_to_square_are_standardised():
    X = 1e30 * np.random.default_rng(0).uniform(-1, 1, (10, 8))
    large, small = (small_dense(max_epochs=1, lr=1e-3).fit(A) for A in (X, X / 1e30))
    assert large.loss_curve_ == pytest.approx([1e60 * small.loss_curve_[0]], rel=1e-3)
    np.testing.assert_allclose(
        large.reconstruct(X) / 1e30, small.reconstruct(X / 1e30), atol=1e-6
    )
    assert large.score(X) == pytest.approx(1e60 * small.score(X / 1e30), rel=1e-3)


# --- verbose --------------------------------------------------------------------


def test_training_is_silent_by_default(digits, capfd):
    small_dense().fit(digits)
    assert capfd.readouterr() == ("", "")


def test_silence_starts_no_thread_and_needs_no_stderr(digits, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    before = set(threading.enumerate())
    monkeypatch.setattr(engine, "tqdm", None)  # not touched at all
    small_dense().fit(digits)
    assert set(threading.enumerate()) == before


def test_verbose_without_stderr_is_silent(digits, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert small_dense(verbose=1).fit(digits).n_iter_ == 3


def test_verbose_shows_a_bar_with_the_loss(digits, capfd):
    ae = small_dense(verbose=1).fit(digits)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err
    assert f"loss={ae.loss_curve_[-1]:.5g}" in err


def test_a_bar_in_a_log_file_is_a_few_lines(digits, capfd):
    small_dense(verbose=1, max_epochs=50).fit(digits)
    assert capfd.readouterr().err.count("\r") < 5
