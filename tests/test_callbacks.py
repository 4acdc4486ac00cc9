"""ReconstructionRecorder: its frames, its plots, and no effect on training."""

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from skorch.callbacks import Callback
from torch import nn

from skae import BaseAutoencoder
from skae.callbacks import ReconstructionRecorder

# A few epochs are not enough for some variational models.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


def recorded(estimator):
    """Return the fitted copy of the recorder of an estimator."""
    return dict(estimator.callbacks_)["ReconstructionRecorder"]


def fitted(digits, make=small_dense, X=None, max_frames=50, **params):
    recorder = ReconstructionRecorder(
        digits[:3] if X is None else X, max_frames=max_frames
    )
    return make(callbacks=[recorder], **params).fit(digits)


# --- the frames -------------------------------------------------------------------


def test_the_last_frame_is_what_reconstruct_returns(digits, make_any):
    X = digits[:3].astype(np.float32)
    estimator = fitted(digits, make_any)
    frame = recorded(estimator).reconstructions_[-1]
    assert frame.dtype == np.float32
    np.testing.assert_array_equal(frame, estimator.reconstruct(X))


def test_there_is_a_frame_for_epoch_0_and_for_each_epoch_after(digits):
    recorder = recorded(fitted(digits))
    assert recorder.epochs_ == [0, 1, 2, 3]
    assert [frame.shape for frame in recorder.reconstructions_] == [(3, 64)] * 4
    errors = [np.square(f - recorder.X_).mean() for f in recorder.reconstructions_]
    assert errors == sorted(errors, reverse=True)


def test_the_frame_of_epoch_0_shows_the_untrained_network(digits):
    class Untrained(Callback):
        def on_train_begin(self, net, **kwargs):
            module, rows = net.module_, torch.tensor(digits[:3]).float()
            with torch.no_grad():
                self.frame_ = module.decoder(module.encoder(rows)).numpy()

    callbacks = [ReconstructionRecorder(digits[:3]), Untrained()]
    estimator = small_dense(callbacks=callbacks).fit(digits)
    first = recorded(estimator).reconstructions_[0]
    np.testing.assert_array_equal(first, dict(estimator.callbacks_)["Untrained"].frame_)


@pytest.mark.parametrize(
    ("n_epochs", "max_frames", "epochs"),
    [
        (4, 5, [0, 1, 2, 3, 4]),
        (5, 5, [0, 2, 4, 5]),
        (9, 5, [0, 4, 8, 9]),
        (7, 2, [0, 7]),
        (12, 4, [0, 4, 8, 12]),
    ],
)
def test_frames_are_thinned_evenly_and_the_latest_is_kept(
    digits, n_epochs, max_frames, epochs
):
    estimator = fitted(digits, max_epochs=n_epochs, max_frames=max_frames)
    assert recorded(estimator).epochs_ == epochs
    np.testing.assert_array_equal(
        recorded(estimator).reconstructions_[-1],
        estimator.reconstruct(digits[:3].astype(np.float32)),
    )


def test_there_are_never_more_than_max_frames(digits):
    class Counts(Callback):
        def on_epoch_end(self, net, **kwargs):
            counts.append(len(dict(net.callbacks_)["ReconstructionRecorder"].epochs_))

    counts = []
    recorder = ReconstructionRecorder(digits[:1], max_frames=3)
    small_dense(callbacks=[recorder, Counts()], max_epochs=20).fit(digits)
    assert max(counts) == 3


# --- no effect on training --------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"noise": "gaussian"},
        {"validation_fraction": 0.2},
        {"early_stopping": True},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_the_model_is_the_same_without_the_recorder(
    digits, make_any, params, all_weights
):
    without = make_any(**params).fit(digits)
    recording = fitted(digits, make_any, **params)
    np.testing.assert_array_equal(all_weights(without), all_weights(recording))
    assert without.loss_curve_ == recording.loss_curve_


def test_a_network_with_batch_norm_dropout_and_noise_is_not_affected(digits, all_weights):
    class Noisy(BaseAutoencoder):
        def _build_networks(self, n_features):
            encoder = nn.Sequential(
                nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.Linear(8, 2), Draws()
            )
            return encoder, nn.Sequential(nn.Linear(2, n_features), nn.Dropout(0.5))

    class Draws(nn.Module):
        def forward(self, X):
            return X + 0.1 * torch.randn(X.shape)

    models = []
    for callbacks in (None, [ReconstructionRecorder(digits[:3])]):
        torch.manual_seed(0)
        model = Noisy(2, max_epochs=3, random_state=0, callbacks=callbacks)
        models.append(all_weights(model.fit(digits)))
    np.testing.assert_array_equal(*models)


def test_the_given_recorder_is_not_changed(digits):
    X = digits[:3]
    recorder = ReconstructionRecorder(X)
    small_dense(callbacks=[recorder]).fit(digits)
    assert recorder.X is X
    assert set(vars(recorder)) == {"X", "max_frames"}


# --- other ways to train ----------------------------------------------------------


def test_partial_fit_adds_frames(digits):
    estimator = small_dense(callbacks=[ReconstructionRecorder(digits[:3])])
    for _ in range(3):
        estimator.partial_fit(digits)
    assert recorded(estimator).epochs_ == [0, 1, 2, 3]


def test_the_epoch_of_a_failed_partial_fit_has_one_frame(digits):
    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            if failing:
                raise RuntimeError("planted")

    failing = False
    callbacks = [ReconstructionRecorder(digits[:3]), Fails()]
    estimator = small_dense(callbacks=callbacks).partial_fit(digits)
    failing = True
    with pytest.raises(RuntimeError, match="planted"):
        estimator.partial_fit(digits)
    failing = False
    estimator.partial_fit(digits)
    assert recorded(estimator).epochs_ == [0, 1, 2]


def test_partial_fit_of_a_loaded_model_adds_frames(digits):
    estimator = small_dense(callbacks=[ReconstructionRecorder(digits[:3])])
    loaded = pickle.loads(pickle.dumps(estimator.partial_fit(digits)))
    loaded.partial_fit(digits)
    assert recorded(loaded).epochs_ == [0, 1, 2]
    assert recorded(estimator).epochs_ == [0, 1]


def test_warm_start_starts_with_the_fitted_weights(digits):
    estimator = fitted(digits, warm_start=True)
    before = recorded(estimator).reconstructions_[-1]
    estimator.fit(digits)
    assert recorded(estimator).epochs_ == [0, 1, 2, 3]
    np.testing.assert_array_equal(recorded(estimator).reconstructions_[0], before)


def test_it_records_until_early_stopping(digits):
    estimator = fitted(digits, early_stopping=True, max_epochs=40, lr=0.5)
    assert recorded(estimator).epochs_[-1] == estimator.n_iter_ < 40


def test_it_works_in_a_pipeline_with_transformed_samples(digits):
    scaled = MinMaxScaler().fit_transform(digits * 7)
    estimator = small_dense(callbacks=[ReconstructionRecorder(scaled[:2])])
    pipeline = make_pipeline(MinMaxScaler(), estimator).fit(digits * 7)
    recorder = recorded(pipeline[-1])
    expected = pipeline[-1].reconstruct(recorder.X_)
    np.testing.assert_array_equal(recorder.reconstructions_[-1], expected)


def test_a_grid_search_in_two_processes_leaves_frames_in_the_best_estimator(digits):
    estimator = small_dense(callbacks=[ReconstructionRecorder(digits[:2])])
    grid = {"n_components": [2, 3]}
    search = GridSearchCV(estimator, grid, cv=2, n_jobs=2).fit(digits)
    assert recorded(search.best_estimator_).epochs_ == [0, 1, 2, 3]


def test_a_clone_has_the_parameters_and_no_frames(digits):
    copy = clone(fitted(digits))
    [recorder] = copy.callbacks
    np.testing.assert_array_equal(recorder.X, digits[:3])
    assert not hasattr(recorder, "epochs_")
    assert recorded(copy.fit(digits)).epochs_ == [0, 1, 2, 3]


def test_a_second_fit_replaces_the_frames(digits):
    estimator = fitted(digits)
    assert recorded(estimator.fit(digits)).epochs_ == [0, 1, 2, 3]


def test_a_fitted_recorder_in_a_new_estimator_starts_without_frames(digits):
    recorder = recorded(fitted(digits))
    estimator = small_dense(max_epochs=1, callbacks=[recorder]).fit(digits)
    assert recorded(estimator).epochs_ == [0, 1]
    assert recorder.epochs_ == [0, 1, 2, 3]


def test_a_network_that_changes_its_input_does_not_change_the_samples(digits):
    class InPlace(BaseAutoencoder):
        def _build_networks(self, n_features):
            encoder = nn.Sequential(Subtracts(), nn.Linear(n_features, 2))
            return encoder, nn.Linear(2, n_features)

    class Subtracts(nn.Module):
        def forward(self, X):
            return X.sub_(0.5)

    X = digits[:3].astype(np.float32)
    recorder = ReconstructionRecorder(X)
    estimator = InPlace(2, max_epochs=2, callbacks=[recorder]).fit(digits)
    np.testing.assert_array_equal(recorded(estimator).X_, digits[:3].astype(np.float32))
    np.testing.assert_array_equal(X, digits[:3].astype(np.float32))


# --- copies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_copies_keep_the_frames(digits, duplicate):
    estimator = fitted(digits)
    expected = recorded(estimator)
    for result in (recorded(duplicate(estimator)), duplicate(expected)):
        assert result.epochs_ == expected.epochs_
        np.testing.assert_array_equal(result.reconstructions_, expected.reconstructions_)
        np.testing.assert_array_equal(result.X_, expected.X_)
        assert result.plot(image_shape=(8, 8)).image_ is not None


# --- errors -------------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda e: e, clone])
def test_an_unfitted_recorder_explains_where_the_frames_are(digits, change):
    recorder = change(ReconstructionRecorder(digits[:3]))
    with pytest.raises(NotFittedError, match="callbacks_"):
        recorder.plot()
    with pytest.raises(NotFittedError, match="callbacks_"):
        recorder.save_gif("never.gif")


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 9)), r"X has 9 features; must have 64.*Pipeline"),
        (np.zeros((3, 4, 4)), "X has 16 features; must have 64"),
        (np.zeros(64), "X is invalid; .*Expected 2D array"),
        (np.zeros((0, 64)), r"X is invalid; .*0 sample\(s\)"),
        (np.full((1, 64), np.nan), "X is invalid; .*NaN"),
        (np.full((1, 64), "a"), "X is invalid; .*text or other values"),
    ],
)
def test_invalid_samples_are_refused_before_training(digits, X, message):
    estimator = small_dense(callbacks=[ReconstructionRecorder(X)])
    with pytest.raises(ValueError, match=f"ReconstructionRecorder: ({message})"):
        estimator.fit(digits)
    assert not hasattr(estimator, "module_")


def test_channels_last_images_are_refused():
    images = np.random.default_rng(0).random((40, 3, 8, 8))
    recorder = ReconstructionRecorder(images[:2].transpose(0, 2, 3, 1))
    with pytest.raises(ValueError, match=r"ReconstructionRecorder: .*channels-last"):
        small_conv(callbacks=[recorder]).fit(images)


@pytest.mark.parametrize("max_frames", [1, 0, 2.5, "all"])
def test_an_invalid_max_frames_is_named(digits, max_frames):
    with pytest.raises(ValueError, match=f"max_frames={max_frames!r} is invalid; must"):
        fitted(digits, max_frames=max_frames)


# --- plots ------------------------------------------------------------------------


def test_flat_samples_are_images_if_the_encoder_reshapes_them(digits):
    recorder = recorded(fitted(digits, small_conv))
    assert recorder.image_shape_ == (1, 8, 8)
    assert recorder.plot().image_ is not None


def test_images_are_drawn_as_images(digits):
    estimator = fitted(digits.reshape(-1, 8, 8), X=digits[:3].reshape(-1, 8, 8))
    assert recorded(estimator).image_shape_ == (1, 8, 8)
    assert recorded(estimator).X_.shape == (3, 64)


def test_a_plot_shows_evenly_spaced_frames(digits):
    recorder = recorded(fitted(digits, max_epochs=9))
    display = recorder.plot(n_epochs=4, image_shape=(8, 8))
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["original", "epoch 0", "epoch 3", "epoch 6", "epoch 9"]


def test_a_gif_has_a_frame_for_each_epoch(digits, tmp_path):
    recorder = recorded(fitted(digits))
    recorder.save_gif(tmp_path / "progress.gif", image_shape=(8, 8))
    with Image.open(tmp_path / "progress.gif") as gif:
        assert gif.n_frames == 4
        assert gif.info["loop"] == 0
        gif.seek(3)
        assert gif.info["duration"] > 2000
