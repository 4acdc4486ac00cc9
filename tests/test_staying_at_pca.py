"""By default, fit trains only if this reconstructs held-out samples better than PCA."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense, small_dense_variational
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    TrainEndCheckpoint,
)

from skae._training import optimizers, schedules
from skae.callbacks import ReconstructionRecorder
from skae.displays import LossCurveDisplay


def low_rank(n_samples, n_features=12, noise=0.5, seed=0):
    """Samples near a subspace of 3 dimensions, to which networks can only overfit."""
    rng = np.random.default_rng(seed)
    axes = np.random.default_rng(99).normal(size=(3, n_features))
    noise = noise * rng.normal(size=(n_samples, n_features))
    return rng.normal(size=(n_samples, 3)) @ axes + noise


@pytest.fixture(scope="module")
def linear():
    X = low_rank(200)
    X.setflags(write=False)
    return X


@pytest.fixture(scope="module")
def cancer():
    return StandardScaler().fit_transform(load_breast_cancer().data)


def model(n_components=3, make=small_dense, **params):
    defaults = {"max_epochs": "auto", "batch_size": "auto", "latent_density": None}
    return make(n_components=n_components, **defaults | params)


def pca_error(n_components, X, X_new=None):
    X_new = X if X_new is None else X_new
    if len(X) == 1:
        return 0.0
    pca = PCA(n_components).fit(X)
    return np.square(X_new - pca.inverse_transform(pca.transform(X_new))).mean()


def stays(ae):
    return ae.n_iter_ == 0 and ae.loss_curve_ == []


class Events(Callback):
    """Keeps what happened, and to how many samples."""

    def initialize(self):
        self.events_ = []
        return self

    def on_train_begin(self, net, X=None, **kwargs):
        self.events_.append(("train begin", len(X)))

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        self.events_.append(("epoch", len(dataset_train)))

    def on_train_end(self, net, X=None, **kwargs):
        self.events_.append(("train end", len(X)))


# --- the decision ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_samples", "noise"), [(40, 0.5), (200, 0.5), (200, 0.05)])
def test_linear_data_are_reconstructed_as_by_pca(seed, n_samples, noise):
    X, X_new = (low_rank(n_samples, noise=noise, seed=s) for s in (seed, 100 + seed))
    ae = model(random_state=seed).fit(X)
    assert stays(ae)
    assert -ae.score(X) == pytest.approx(pca_error(3, X), rel=1e-5)
    assert -ae.score(X_new) == pytest.approx(pca_error(3, X, X_new), rel=1e-5)


@pytest.mark.parametrize("n_components", [1, 3, 5, 12])
def test_the_number_of_components_may_be_any(linear, n_components):
    ae = model(n_components).fit(linear)
    assert stays(ae)
    error = pca_error(n_components, linear)
    assert -ae.score(linear) == pytest.approx(error, rel=1e-5, abs=1e-10)


@pytest.mark.parametrize("scale", [1e-8, 1, 1e8])
@pytest.mark.parametrize("shift", [0, 1e4])
def test_scale_and_shift_do_not_change_the_decision(linear, cancer, scale, shift):
    assert stays(model().fit(scale * (linear + shift)))
    assert model(8).fit(scale * (cancer + shift)).n_iter_ > 0


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
def test_training_that_helps_is_kept(load):
    X = load().data
    X = X / 16 if load is load_digits else StandardScaler().fit_transform(X)
    train, test = X[::2], X[1::2]
    ae = model(10, hidden_layer_sizes="auto").fit(train)
    assert ae.n_iter_ == len(ae.loss_curve_) == len(ae.history_) == 50
    assert -ae.score(train) < 0.9 * pca_error(10, train)
    assert -ae.score(test) < 0.9 * pca_error(10, train, test)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_no_model_is_worse_than_pca(load, share):
    X = StandardScaler().fit_transform(load().data)
    train, test = X[::2], X[1::2]
    n_components = int(share * X.shape[1])
    ae = model(n_components, hidden_layer_sizes="auto").fit(train)
    assert -ae.score(test) <= 1.02 * pca_error(n_components, train, test)


def test_convolutional_models_may_stay_too():
    X = low_rank(100, 64)
    ae = model(make=small_conv).fit(X.reshape(-1, 8, 8))
    assert stays(ae)
    assert -ae.score(X.reshape(-1, 8, 8)) == pytest.approx(pca_error(3, X), rel=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_any_loss_may_stay(linear, loss):
    assert stays(model(loss=loss).fit(linear))


def test_the_absolute_error_is_compared_by_absolute_errors():
    """Medians have larger squared errors than means, and smaller absolute ones."""
    rng = np.random.default_rng(0)
    X = low_rank(400, noise=0.05) + 3 * (rng.random((400, 12)) < 0.1)
    ae = model(loss="absolute_error").fit(X)
    assert ae.n_iter_ > 0
    pca = model(loss="absolute_error", lr=1e-30, max_epochs=1).fit(X)
    errors = [np.abs(X - fitted.reconstruct(X)).mean() for fitted in (ae, pca)]
    assert errors[0] < 0.9 * errors[1]


def test_exact_data_are_not_trained_on():
    ae = model().fit(low_rank(100, noise=0))
    assert stays(ae)
    assert ae.explained_variance_ratio_ == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n_components", [12, 13, 40])
def test_with_as_many_components_as_columns_there_is_nothing_to_train(
    linear, n_components
):
    ae = model(n_components).fit(linear)
    assert stays(ae)
    assert ae.transform(linear).shape == (200, n_components)
    np.testing.assert_allclose(ae.reconstruct(linear), linear, atol=1e-4)


@pytest.mark.parametrize("n_samples", range(1, 10))
def test_few_samples_are_enough(n_samples):
    X = low_rank(n_samples)
    ae = model(hidden_layer_sizes="auto", latent_density="gaussian_mixture").fit(X)
    if n_samples <= 5:  # none or one is held out
        assert stays(ae)
        n_components = min(3, n_samples)
        assert -ae.score(X) == pytest.approx(pca_error(n_components, X), abs=1e-9)
    assert np.isfinite(ae.sample(4)).all()
    assert np.isfinite(ae.explained_variance_ratio_)


def test_one_held_out_sample_decides_nothing():
    X = load_digits().data[:5] / 16
    assert stays(model().fit(X))


@pytest.mark.parametrize("value", [0.0, 3.7])
def test_constant_data_stay(value):
    X = np.full((30, 4), value)
    ae = model(2).fit(X)
    assert stays(ae)
    np.testing.assert_allclose(ae.reconstruct(X), X, rtol=1e-6)


# --- what decides itself ----------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"max_epochs": 4},
        {"init": "random"},
        {"early_stopping": True},
        {"validation_fraction": 0.2},
        {"noise": "gaussian"},
        {"noise": "masking"},
        {"latent_penalty": "l2"},
    ],
    ids=str,
)
def test_a_fit_that_asks_for_more_than_reconstruction_trains(linear, params):
    ae = model(**params).fit(linear)
    assert ae.n_iter_ == len(ae.loss_curve_) > 0
    assert params.get("max_epochs", ae.n_iter_) == ae.n_iter_


def test_a_variational_model_trains(linear):
    ae = model(make=small_dense_variational).fit(linear)
    assert ae.n_iter_ >= 50


def test_partial_fit_trains(linear):
    ae = model().partial_fit(linear)
    assert ae.n_iter_ == 1


def test_partial_fit_goes_on_from_pca(linear):
    ae = model().fit(linear)
    error = -ae.score(linear)
    again = pickle.loads(pickle.dumps(ae)).set_params(lr=1e-30).partial_fit(linear)
    assert again.n_iter_ == len(again.history_) == 1
    assert again.loss_curve_ == pytest.approx([error], rel=1e-5)
    assert ae.partial_fit(linear).n_iter_ == 1


def test_a_warm_start_goes_on_from_pca(linear):
    ae = model(warm_start=True, lr=1e-30).fit(linear)
    assert stays(ae)
    error = -ae.score(linear)
    ae.fit(linear)
    assert ae.n_iter_ == 50
    assert ae.loss_curve_ == pytest.approx([error] * 50, rel=1e-5)


def test_a_fit_that_trains_may_follow_one_that_stays(linear, cancer, all_weights):
    ae = model(3).fit(linear)
    assert stays(ae)
    ae.fit(cancer)
    np.testing.assert_array_equal(all_weights(ae), all_weights(model(3).fit(cancer)))
    assert stays(ae.fit(linear))


# --- a model that stays is a whole model ------------------------------------------------


@pytest.fixture(params=[small_dense, small_conv], ids=["dense", "conv"])
def stayed(request):
    X = low_rank(100, 64)
    if request.param is small_conv:
        X = X.reshape(-1, 8, 8)
    ae = model(make=request.param, latent_density="gaussian_mixture").fit(X)
    assert stays(ae)
    return ae, X


def test_codes_are_those_of_pca_with_variance_one(linear):
    ae = model().fit(linear)
    codes = ae.transform(linear)
    expected = PCA(3, whiten=True).fit_transform(linear)
    signs = np.sign((codes * expected).sum(axis=0))
    np.testing.assert_allclose(codes * signs, expected, atol=1e-4)


def test_all_methods_work(stayed):
    ae, X = stayed
    form = X.shape[1:]
    codes = ae.transform(X)
    assert codes.shape == (100, 3)
    np.testing.assert_array_equal(clone(ae).fit_transform(X), codes)
    np.testing.assert_allclose(ae.inverse_transform(codes), ae.reconstruct(X), atol=1e-6)
    assert ae.sample(4, random_state=0).shape == (4, *form)
    assert ae.sample_latent(4).shape == (4, 3)
    assert ae.score_samples(X).shape == (100,)
    assert ae.latent_log_density(X).shape == (100,)
    assert ae.interpolate(X[:2], X[2:4], 5).shape == (2, 5, *form)
    assert ae.fit_density(X, "normal").sample(2).shape == (2, *form)
    assert len(ae.get_feature_names_out()) == 3


def test_all_attributes_are_there(stayed):
    ae, X = stayed
    assert ae.n_components_ == 3
    assert ae.validation_loss_curve_ is None
    assert len(ae.history_) == 0
    assert ae.callbacks_ == []
    assert f"{ae.n_parameters_:,}" in ae.summary()
    assert not ae.module_.training
    errors = np.square(X - ae.reconstruct(X)).reshape(100, -1).mean(axis=0)
    np.testing.assert_allclose(ae.noise_variance_, errors, rtol=1e-5)
    share = 1 - errors.sum() / X.reshape(100, -1).var(axis=0).sum()
    assert ae.explained_variance_ratio_ == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_the_same_model(stayed, copied):
    ae, X = stayed
    again = copied(ae)
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))
    np.testing.assert_array_equal(again.sample(3), ae.sample(3))
    assert stays(again)
    assert b"exp_avg" not in pickle.dumps(ae)


def test_it_works_in_a_pipeline(linear):
    pipeline = make_pipeline(StandardScaler(), model()).fit(linear)
    assert stays(pipeline[-1])
    assert pipeline.transform(linear).shape == (200, 3)
    assert pipeline.inverse_transform(pipeline.transform(linear)).shape == (200, 12)


def test_its_loss_curve_is_drawn_as_an_empty_one(linear):
    ae = model().fit(linear)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = LossCurveDisplay.from_estimator(ae)
        display.figure_.canvas.draw()
    assert len(display.line_.get_xdata()) == 0
    trained = model(max_epochs=3).fit(linear)
    both = LossCurveDisplay.from_estimator(trained, ax=display.ax_)
    assert len(both.line_.get_xdata()) == 3


def test_fit_is_silent(linear, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().fit(linear)
    assert capfd.readouterr() == ("", "")


def test_the_bar_of_a_verbose_fit_shows_no_epochs(linear, cancer, capfd):
    model(verbose=1).fit(linear)
    assert "epoch/s" not in capfd.readouterr().err  # there are none
    model(8, verbose=1).fit(cancer)
    assert capfd.readouterr().err.count("50/50") == 1  # not of the first training


# --- callbacks --------------------------------------------------------------------------


def test_callbacks_see_training_begin_but_no_end(linear):
    ae = model(callbacks=[Events()]).fit(linear)
    assert stays(ae)
    [(name, callback)] = ae.callbacks_
    assert name == "Events"
    assert callback.events_ == [("train begin", 200)]  # others ask for an epoch


def test_callbacks_see_only_the_training_with_all_samples(cancer):
    ae = model(8, callbacks=[Events()]).fit(cancer)
    begin, *epochs, end = ae.callbacks_[0][1].events_
    assert begin == ("train begin", 569)
    assert epochs == [("epoch", 569)] * 50
    assert end == ("train end", 569)


def test_a_recorder_shows_pca(linear):
    ae = model(callbacks=[ReconstructionRecorder(linear[:3])]).fit(linear)
    recorder = ae.callbacks_[0][1]
    assert recorder.epochs_ == [0]
    frame = recorder.reconstructions_[0]
    np.testing.assert_allclose(frame, ae.reconstruct(linear[:3]), atol=1e-5)


def mean_error(net, X, y):
    return float(np.square(net.predict(X) - np.asarray(y)).mean())


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping(monitor="train_loss"),
        EarlyStopping(monitor="train_loss", load_best=True),
        Checkpoint(monitor="train_loss_best"),
        Checkpoint(monitor="train_loss_best", load_best=True),
        TrainEndCheckpoint(),
        EpochScoring(mean_error, on_train=True, name="mse"),
        LRScheduler(policy="StepLR", step_size=2),
    ],
    ids=["stop", "stop at best", "checkpoint", "best checkpoint", "end", "score", "rate"],
)
def test_callbacks_of_skorch_work(linear, cancer, callback, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ae = model(callbacks=[callback]).fit(linear)
    assert -ae.score(linear) < 1.001 * pca_error(3, linear)
    assert model(8, callbacks=[callback]).fit(cancer).n_iter_ > 0


# --- many samples -----------------------------------------------------------------------


@pytest.fixture
def _one_training(monkeypatch):
    """As for many samples: the held-out ones are not worth a second training."""
    monkeypatch.setattr(schedules, "MAX_SAMPLES_OF_SMALL", 150)


@pytest.mark.usefixtures("_one_training")
def test_many_samples_are_trained_on_once(cancer):
    ae = model(8, callbacks=[Events()]).fit(cancer)
    n_trained = 569 - 57  # a tenth is held out
    assert ae.n_iter_ == 30
    begin, *epochs, end = ae.callbacks_[0][1].events_
    assert begin == ("train begin", n_trained)
    assert epochs == [("epoch", n_trained)] * 30
    assert end == ("train end", n_trained)
    assert -ae.score(cancer) < 0.9 * pca_error(8, cancer)


@pytest.mark.usefixtures("_one_training")
def test_many_samples_may_stay_at_pca(linear):
    ae = model().fit(linear)
    assert stays(ae)
    assert -ae.score(linear) == pytest.approx(pca_error(3, linear), rel=0.02)


@pytest.mark.usefixtures("_one_training")
def test_an_interrupted_training_of_many_samples_is_kept(cancer):
    ae = model(8, callbacks=[Fails(3)])
    with pytest.raises(RuntimeError, match="a failure"):
        ae.fit(cancer)
    assert ae.n_iter_ == len(ae.loss_curve_) == 2
    assert ae.transform(cancer).shape == (569, 8)


def test_at_most_a_thousand_samples_are_held_out():
    rng = np.random.RandomState(0)
    for n_samples, n_held_out in [(1, 0), (2, 1), (10, 2), (99, 20), (90_000, 1_000)]:
        assert schedules.comparison_size(n_samples) == n_held_out
        others, held_out = schedules.split(n_samples, n_held_out, rng)
        assert len(held_out) == n_held_out
        both = np.sort(np.concatenate([others, held_out]))
        np.testing.assert_array_equal(both, np.arange(n_samples))


# --- the same model for the same seed ---------------------------------------------------


@pytest.mark.parametrize("limit", [150, 10_000])
@pytest.mark.parametrize("data", ["linear", "cancer"])
def test_a_seed_gives_the_same_bits(request, data, limit, all_weights, monkeypatch):
    monkeypatch.setattr(schedules, "MAX_SAMPLES_OF_SMALL", limit)
    X = request.getfixturevalue(data)
    first, again, other = (
        model(latent_density="gaussian", random_state=seed).fit(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(all_weights(first), all_weights(again))
    np.testing.assert_array_equal(first.sample(3), again.sample(3))
    assert (all_weights(first) != all_weights(other)).any()


def test_training_with_all_samples_is_that_of_an_explicit_number_of_epochs(
    cancer, all_weights
):
    by_default, explicit = (model(8, max_epochs=n).fit(cancer) for n in ("auto", 50))
    np.testing.assert_array_equal(all_weights(by_default), all_weights(explicit))
    assert by_default.loss_curve_ == explicit.loss_curve_


class Diverges(Callback):
    """Spoils the weights after the last epoch, as a divergence does."""

    def on_train_end(self, net, **kwargs):
        for weights in net.module_.parameters():
            weights.data *= 3


def test_a_second_training_that_diverges_is_not_kept(cancer):
    assert model(8).fit(cancer).n_iter_ == 50
    ae = model(8, callbacks=[Diverges()]).fit(cancer)
    assert stays(ae)
    assert -ae.score(cancer) == pytest.approx(pca_error(8, cancer), rel=1e-5)


def test_global_states_are_left_alone(cancer):
    def states():
        numpys = np.random.get_state()[1].tobytes()  # noqa: NPY002
        return numpys, torch.get_rng_state().tolist(), torch.get_num_threads()

    before = states()
    model(8, random_state=None).fit(cancer)
    assert states() == before


# --- out of core ------------------------------------------------------------------------


def mapped(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


@pytest.mark.parametrize("limit", [150, 10_000])
def test_a_memory_map_may_stay(linear, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(schedules, "MAX_SAMPLES_OF_SMALL", limit)
    out_of_core = model().fit(mapped(linear, tmp_path))
    in_memory = model().fit(linear)
    assert stays(out_of_core)
    assert out_of_core.score(linear) == pytest.approx(in_memory.score(linear), rel=1e-9)


@pytest.mark.parametrize(("limit", "n_epochs"), [(150, 30), (10_000, 50)])
def test_a_memory_map_may_be_trained_on(cancer, tmp_path, monkeypatch, limit, n_epochs):
    monkeypatch.setattr(schedules, "MAX_SAMPLES_OF_SMALL", limit)
    ae = model(8).fit(mapped(cancer, tmp_path))
    assert ae.n_iter_ == n_epochs
    assert -ae.score(cancer) < 0.9 * pca_error(8, cancer)


# --- failures ---------------------------------------------------------------------------


class Fails(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise RuntimeError("a failure")


def test_a_failure_in_the_second_training_leaves_its_last_epoch(cancer):
    ae = model(8, callbacks=[Fails(3)])
    with pytest.raises(RuntimeError, match="a failure"):
        ae.fit(cancer)
    assert ae.n_iter_ == 2


def test_a_failure_in_the_first_training_leaves_the_estimator_as_it_was(
    cancer, monkeypatch
):
    ae = model(8).fit(cancer[:100])
    before = ae.transform(cancer)

    def interrupted(rows, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(optimizers.OPTIMIZERS["adam"], "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(cancer)
    np.testing.assert_array_equal(ae.transform(cancer), before)


def test_divergence_is_reported(cancer):
    ae = model(8, optimizer="sgd", lr=1e30, lr_schedule="constant")
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        ae.fit(cancer)
    assert not hasattr(ae, "n_iter_")
