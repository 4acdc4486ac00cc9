"""ReconstructionRecorder: what it keeps, when, and that training does not notice."""

import pickle

import numpy as np
import pytest
import torch
from conftest import small_conv, small_dense
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

# So few epochs are too few for some.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


def recorded(estimator):
    """The fitted copy of the recorder of an estimator."""
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


def test_frames_are_of_epoch_0_and_of_each_epoch_after(digits):
    recorder = recorded(fitted(digits))
    assert recorder.epochs_ == [0, 1, 2, 3]
    assert [frame.shape for frame in recorder.reconstructions_] == [(3, 64)] * 4
    errors = [np.square(f - recorder.rows_).mean() for f in recorder.reconstructions_]
    assert errors == sorted(errors, reverse=True)


def test_the_frame_of_epoch_0_is_of_the_untrained_network(digits):
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
def test_frames_are_thinned_evenly_and_the_latest_is_there(
    digits, n_epochs, max_frames, epochs
):
    estimator = fitted(digits, max_epochs=n_epochs, max_frames=max_frames)
    assert recorded(estimator).epochs_ == epochs
    np.testing.assert_array_equal(
        recorded(estimator).reconstructions_[-1],
        estimator.reconstruct(digits[:3].astype(np.float32)),
    )


def test_there_are_never_more_frames_than_the_most(digits):
    class Counts(Callback):
        def on_epoch_end(self, net, **kwargs):
            counts.append(len(dict(net.callbacks_)["ReconstructionRecorder"].epochs_))

    counts = []
    recorder = ReconstructionRecorder(digits[:1], max_frames=3)
    small_dense(callbacks=[recorder, Counts()], max_epochs=20).fit(digits)
    assert max(counts) == 3


# --- training does not notice -------------------------------------------------------


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
def test_the_model_is_the_one_without_the_recorder(digits, make_any, params, all_weights):
    without = make_any(**params).fit(digits)
    recording = fitted(digits, make_any, **params)
    np.testing.assert_array_equal(all_weights(without), all_weights(recording))
    assert without.loss_curve_ == recording.loss_curve_


def test_an_architecture_with_batch_norm_and_dropout_is_not_disturbed(
    digits, all_weights
):
    class Restless(BaseAutoencoder):
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
        model = Restless(2, max_epochs=3, random_state=0, callbacks=callbacks)
        models.append(all_weights(model.fit(digits)))
    np.testing.assert_array_equal(*models)


def test_what_is_given_stays_as_it_is(digits):
    X = digits[:3]
    recorder = ReconstructionRecorder(X)
    small_dense(callbacks=[recorder]).fit(digits)
    assert recorder.X is X
    assert set(vars(recorder)) == {"X", "max_frames"}


# --- ways of training ---------------------------------------------------------------


def test_partial_fit_adds_frames(digits):
    estimator = small_dense(callbacks=[ReconstructionRecorder(digits[:3])])
    for _ in range(3):
        estimator.partial_fit(digits)
    assert recorded(estimator).epochs_ == [0, 1, 2, 3]


def test_a_failed_partial_fit_leaves_no_second_frame_of_its_epoch(digits):
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


def test_a_loaded_model_that_is_trained_on_keeps_frames_from_then_on(digits):
    estimator = small_dense(callbacks=[ReconstructionRecorder(digits[:3])])
    loaded = pickle.loads(pickle.dumps(estimator.partial_fit(digits)))
    loaded.partial_fit(digits)
    assert recorded(loaded).epochs_ == [2]
    loaded.partial_fit(digits)
    assert recorded(loaded).epochs_ == [2, 3]


def test_warm_start_begins_with_the_fitted_weights(digits):
    estimator = fitted(digits, warm_start=True)
    before = recorded(estimator).reconstructions_[-1]
    estimator.fit(digits)
    assert recorded(estimator).epochs_ == [0, 1, 2, 3]
    np.testing.assert_array_equal(recorded(estimator).reconstructions_[0], before)


def test_it_records_until_early_stopping(digits):
    estimator = fitted(digits, early_stopping=True, max_epochs=40, lr=0.5)
    assert recorded(estimator).epochs_[-1] == estimator.n_iter_ < 40


def test_it_works_in_a_pipeline_on_rows_after_the_steps_before(digits):
    scaled = MinMaxScaler().fit_transform(digits * 7)
    estimator = small_dense(callbacks=[ReconstructionRecorder(scaled[:2])])
    pipeline = make_pipeline(MinMaxScaler(), estimator).fit(digits * 7)
    recorder = recorded(pipeline[-1])
    expected = pipeline[-1].reconstruct(recorder.rows_)
    np.testing.assert_array_equal(recorder.reconstructions_[-1], expected)


def test_a_grid_search_in_two_processes_leaves_frames_in_the_best_estimator(digits):
    estimator = small_dense(callbacks=[ReconstructionRecorder(digits[:2])])
    grid = {"n_components": [2, 3]}
    search = GridSearchCV(estimator, grid, cv=2, n_jobs=2).fit(digits)
    assert recorded(search.best_estimator_).epochs_ == [0, 1, 2, 3]


def test_a_clone_has_the_rows_and_no_frames(digits):
    copy = clone(fitted(digits))
    [recorder] = copy.callbacks
    np.testing.assert_array_equal(recorder.X, digits[:3])
    assert not hasattr(recorder, "epochs_")
    assert recorded(copy.fit(digits)).epochs_ == [0, 1, 2, 3]


# --- what is wrong --------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda e: e, clone])
def test_a_recorder_that_was_not_trained_with_says_where_the_frames_are(digits, change):
    recorder = change(ReconstructionRecorder(digits[:3]))
    with pytest.raises(NotFittedError, match="callbacks_"):
        recorder.plot()
    with pytest.raises(NotFittedError, match="callbacks_"):
        recorder.save_gif("never.gif")


def test_a_pickled_recorder_says_that_frames_are_not_pickled(digits):
    loaded = pickle.loads(pickle.dumps(fitted(digits)))
    with pytest.raises(NotFittedError, match="pickled"):
        recorded(loaded).plot()


def test_frames_are_not_in_the_pickle(digits):
    estimator = fitted(digits, max_epochs=1)
    short = len(pickle.dumps(estimator))
    long = len(pickle.dumps(fitted(digits, max_epochs=40)))
    assert long - short < 64 * 3 * 4 * 10


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 9)), r"has 9 features.*with 64.*Pipeline"),
        (np.zeros((3, 4, 4)), "has 16 features.*with 64"),
        (np.zeros(64), "Expected 2D array"),
        (np.full((1, 64), np.nan), "NaN"),
    ],
)
def test_rows_that_cannot_be_reconstructed_are_refused_before_training(
    digits, X, message
):
    estimator = small_dense(callbacks=[ReconstructionRecorder(X)])
    with pytest.raises(ValueError, match=message):
        estimator.fit(digits)
    assert not hasattr(estimator, "net_")


def test_images_that_look_channels_last_are_refused():
    images = np.random.default_rng(0).random((40, 3, 8, 8))
    recorder = ReconstructionRecorder(images[:2].transpose(0, 2, 3, 1))
    with pytest.raises(ValueError, match="channels-last"):
        small_conv(callbacks=[recorder]).fit(images)


@pytest.mark.parametrize("max_frames", [1, 0, 2.5, "all"])
def test_too_few_frames_are_refused(digits, max_frames):
    with pytest.raises(ValueError, match=f"max_frames={max_frames!r}.*at least 2"):
        fitted(digits, max_frames=max_frames)


# --- pictures ---------------------------------------------------------------------------


def test_flat_rows_are_images_where_the_network_takes_them_for_such(digits):
    recorder = recorded(fitted(digits, small_conv))
    assert recorder.image_shape_ == (1, 8, 8)
    assert recorder.plot().image_ is not None


def test_images_are_images(digits):
    estimator = fitted(digits.reshape(-1, 8, 8), X=digits[:3].reshape(-1, 8, 8))
    assert recorded(estimator).image_shape_ == (1, 8, 8)
    assert recorded(estimator).rows_.shape == (3, 64)


def test_a_plot_shows_the_frames_it_was_asked_for(digits):
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
