"""Saved and copied models: the same results, each weight once, on the CPU."""

import copy
import io
import os
import pickle
import subprocess
import sys

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense
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
def test_a_copy_gives_the_same_results_bit_for_bit(make_small, digits, way):
    ae = make_small().fit(digits)
    again = COPIES[way](ae)
    for X in (digits, digits.astype(np.float32)):
        np.testing.assert_array_equal(again.transform(X), ae.transform(X))
        np.testing.assert_array_equal(again.reconstruct(X), ae.reconstruct(X))
    assert again.loss_curve_ == ae.loss_curve_
    assert again.history_ == ae.history_


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
    loaded = pickle.loads(saved)
    assert [name for name, _ in loaded.callbacks_] == [name for name, _ in ae.callbacks_]


def test_saving_does_not_change_a_model(digits, all_weights):
    saved, other = (small_dense().partial_fit(digits) for _ in range(2))
    pickle.dumps(saved)
    np.testing.assert_array_equal(
        all_weights(saved.partial_fit(digits)), all_weights(other.partial_fit(digits))
    )


@pytest.mark.parametrize("init", ["pca", "random"])
def test_encoder_and_module_share_their_weights_in_a_copy(digits, init):
    loaded = pickle.loads(pickle.dumps(small_dense(init=init).fit(digits)))
    assert loaded.encoder_ is loaded.module_.encoder
    network, scales = loaded.encoder_.body, 1
    if init == "pca":
        network, scales = loaded.encoder_.body.network, loaded.encoder_.body.scales
    with torch.no_grad():
        network[-1].bias += scales
    before = small_dense(init=init).fit_transform(digits)
    np.testing.assert_allclose(loaded.transform(digits), before + 1, rtol=1e-6, atol=1e-6)


class Pickles(Callback):
    """Saves the net during training."""

    def on_epoch_end(self, net, **kwargs):
        self.saved_ = pickle.dumps(net)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_net_can_be_saved_while_it_trains(digits, activation):
    ae = small_dense(callbacks=[Pickles()], activation=activation).fit(digits)
    net = pickle.loads(ae.callbacks_[0][1].saved_)
    assert net.history == ae.history_


def codes_of_another_process(ae, X, folder, **environment):
    """Save a model, and return the codes of X by a process that loads it."""
    joblib.dump(ae, folder / "model.joblib")
    np.save(folder / "X.npy", X)
    script = (
        "import joblib, numpy, torch; torch.set_num_threads(1);"
        "codes = joblib.load('model.joblib').transform(numpy.load('X.npy'));"
        "numpy.save('codes.npy', codes)"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        check=True,
        env=os.environ | environment,
    )
    return np.load(folder / "codes.npy")


def test_a_model_loads_and_encodes_in_another_process(digits, tmp_path):
    ae = small_conv().fit(digits)
    codes = codes_of_another_process(ae, digits, tmp_path)
    np.testing.assert_array_equal(codes, ae.transform(digits))


def test_a_saved_model_holds_tensors_of_the_cpu_alone(digits, monkeypatch):
    """The meta device stands for a GPU that the loading machine lacks."""
    ae = small_dense().fit(digits)
    ae.module_.to("meta")
    monkeypatch.setattr(
        torch.Tensor, "cpu", lambda tensor: torch.empty_like(tensor, device="cpu")
    )
    loaded = pickle.loads(pickle.dumps(ae))

    def devices(model):
        return {weights.device.type for weights in model.module_.state_dict().values()}

    assert devices(loaded) == {"cpu"}
    assert devices(ae) == {"meta"}  # saving does not move the model


@pytest.mark.skipif(not torch.cuda.is_available(), reason="requires a CUDA device")
def test_a_model_of_a_gpu_loads_on_a_machine_without_one(digits, tmp_path):
    ae = small_conv(device="cuda").fit(digits)
    assert next(ae.module_.parameters()).is_cuda
    codes = codes_of_another_process(ae, digits, tmp_path, CUDA_VISIBLE_DEVICES="")
    np.testing.assert_allclose(codes, ae.transform(digits), rtol=1e-6, atol=1e-6)
    assert next(ae.module_.parameters()).is_cuda  # saving does not move the model


def test_callbacks_are_saved_with_the_model(digits):
    again = pickle.loads(pickle.dumps(small_dense(callbacks=[Counter()]).fit(digits)))
    assert again.callbacks_[0][1].epochs_ == 3


class Counter(Callback):
    """Counts epochs. It is at module level, where pickle finds it."""

    def initialize(self):
        self.epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1


def test_weights_are_exchanged_by_state_dict(digits):
    ae = small_dense().fit(digits)
    file = io.BytesIO()
    torch.save(ae.encoder_.state_dict(), file)
    file.seek(0)
    other = small_dense(random_state=1).fit(digits)
    other.encoder_.load_state_dict(torch.load(file))
    np.testing.assert_array_equal(other.transform(digits), ae.transform(digits))
