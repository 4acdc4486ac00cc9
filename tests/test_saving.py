"""Saved and copied models: the same bits, the weights once, on the CPU."""

import copy
import io
import pickle
import subprocess
import sys

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from conftest import small_conv, small_dense
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": through_joblib,
    "cloudpickle": lambda model: cloudpickle.loads(cloudpickle.dumps(model)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_encodes_and_decodes_bit_by_bit_the_same(make_small, digits, way):
    ae = make_small().fit(digits)
    again = COPIES[way](ae)
    for X in (digits, digits.astype(np.float32)):
        np.testing.assert_array_equal(again.transform(X), ae.transform(X))
        np.testing.assert_array_equal(again.reconstruct(X), ae.reconstruct(X))
    assert again.loss_curve_ == ae.loss_curve_
    assert again.net_.history == ae.net_.history


def test_a_copy_can_be_fitted_again(make_small, digits):
    again = pickle.loads(pickle.dumps(make_small().fit(digits[:50]))).fit(digits)
    np.testing.assert_array_equal(
        again.transform(digits), make_small().fit_transform(digits)
    )


CALLBACKS = {
    "none": list,
    "scheduler": lambda: [LRScheduler(policy="StepLR", step_size=2)],
    "early stopping": lambda: [EarlyStopping(monitor="train_loss", load_best=True)],
    "checkpoint": lambda: [Checkpoint(monitor="train_loss_best", load_best=True)],
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_pickle_holds_the_weights_once_and_no_optimizer_state(
    all_weights, digits, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    params = {"hidden_layer_sizes": (2000,), "max_epochs": 2}
    ae = small_dense(callbacks=CALLBACKS[name](), **params).fit(digits)
    saved = pickle.dumps(ae)
    assert len(saved) < 1.2 * all_weights(ae).nbytes
    assert b"exp_avg" not in saved
    again = pickle.loads(saved)
    assert again.net_.optimizer_ is None
    assert [name for name, _ in again.callbacks_] == [name for name, _ in ae.callbacks_]
    assert ae.net_.optimizer_ is not None  # the one that was saved keeps its own


def test_encoder_and_net_share_their_weights_in_a_copy_too(digits):
    again = pickle.loads(pickle.dumps(small_dense().fit(digits)))
    assert again.encoder_ is again.net_.module_.encoder


def test_a_saved_state_holds_cpu_tensors_only(digits):
    """The meta device stands for one that the loading machine lacks."""
    ae = small_dense().fit(digits)
    ae.net_.module_.to("meta")
    moved = []

    class Moved(type(ae.net_.module_)):
        def cpu(self):
            moved.append(True)
            return self.to_empty(device="cpu")

    ae.net_.module_.__class__ = Moved
    state = ae.net_.__getstate__()
    tensors = [
        *state["module_"].state_dict().values(),
        *state["module__encoder"].state_dict().values(),
        *state["module__decoder"].state_dict().values(),
    ]
    assert moved == [True]
    assert {tensor.device.type for tensor in tensors} == {"cpu"}
    assert state["device"] == "cpu"
    assert {w.device.type for w in ae.net_.module_.parameters()} == {"meta"}


class Pickles(Callback):
    """Saves the net in the midst of training."""

    def on_epoch_end(self, net, **kwargs):
        self.saved_ = pickle.dumps(net)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_net_can_be_saved_while_it_trains(digits, activation):
    ae = small_dense(callbacks=[Pickles()], activation=activation).fit(digits)
    net = pickle.loads(ae.callbacks_[0][1].saved_)
    assert net.history == ae.net_.history


def test_a_model_loads_and_encodes_in_another_process(digits, tmp_path):
    ae = small_conv().fit(digits)
    joblib.dump(ae, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", digits)
    script = (
        "import joblib, numpy, torch; torch.set_num_threads(1);"
        "codes = joblib.load('model.joblib').transform(numpy.load('X.npy'));"
        "numpy.save('codes.npy', codes)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), ae.transform(digits))


def test_callbacks_are_saved_with_the_model(digits):
    again = pickle.loads(pickle.dumps(small_dense(callbacks=[Counter()]).fit(digits)))
    assert again.callbacks_[0][1].epochs_ == 3


class Counter(Callback):
    """Counts epochs; at module level, where pickle finds it."""

    def initialize(self):
        self.epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1


def test_weights_can_be_taken_as_a_torch_state(digits):
    ae = small_dense().fit(digits)
    file = io.BytesIO()
    torch.save(ae.encoder_.state_dict(), file)
    file.seek(0)
    other = small_dense(random_state=1).fit(digits)
    other.encoder_.load_state_dict(torch.load(file))
    np.testing.assert_array_equal(other.transform(digits), ae.transform(digits))
