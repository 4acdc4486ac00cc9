"""Files of skops and safetensors: safe, whole or refused, and the same model."""

import errno
import io
import json
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
import warnings

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import skops.io
import torch
from helpers import (
    small_conv,
    small_conv_variational,
    small_dense,
    small_dense_variational,
)
from sklearn.decomposition import KernelPCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from skorch.callbacks import EpochTimer, Freezer
from torch import nn
from torch.nn.utils import parametrizations

import skae
from skae import BaseAutoencoder
from skae import saving as saving_module
from skae._saving import state as state_module
from skae._saving.codec import encode
from skae._saving.state import PlainState, sealed
from skae.densities import FlowPrior, Gaussian
from skae.exceptions import ModelVersionWarning, SavedModelError
from skae.nn import CouplingFlow
from skae.saving import load_model, save_model


class Own(BaseAutoencoder):
    """An architecture at module level, where its class is found by name."""

    def _build_networks(self, n_features):
        encoder = nn.Linear(n_features, self.n_components_)
        return encoder, nn.Linear(self.n_components_, n_features)


def through_skops(model, trusted=skae.TRUSTED_TYPES):
    return skops.io.loads(skops.io.dumps(model), trusted=trusted)


def through_safetensors(model, folder, classes=()):
    save_model(model, folder / "model.safetensors")
    return load_model(folder / "model.safetensors", classes=classes)


WAYS = {
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "skops": lambda model, folder: through_skops(model),
    "safetensors": through_safetensors,
}


def assert_same(model, loaded, X):
    """Assert that two models compute the same, bit for bit."""
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    np.testing.assert_array_equal(loaded.reconstruct(X), model.reconstruct(X))
    if model.density_ is not None:
        first = loaded.sample(5, random_state=0)
        np.testing.assert_array_equal(first, model.sample(5, random_state=0))
        own = [pickle.loads(pickle.dumps(each)).sample(3) for each in (model, loaded)]
        np.testing.assert_array_equal(*own)
    assert loaded.loss_curve_ == model.loss_curve_
    for own, other in zip(loaded.history_, model.history_, strict=True):
        timeless = {name: value for name, value in own.items() if name != "dur"}
        assert timeless == {name: other[name] for name in timeless}
    assert repr(loaded) == repr(model)


DENSITIES = [None, "normal", "gaussian", "gaussian_mixture", "kde", "standard_normal"]


@pytest.mark.parametrize("density", DENSITIES)
def test_skops_and_safetensors_hold_the_same_model(make_any, digits, density, tmp_path):
    model = make_any(latent_density=density).fit(digits)
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    assert set(untrusted) <= set(skae.TRUSTED_TYPES)
    assert_same(model, through_skops(model), digits)
    assert_same(model, through_safetensors(model, tmp_path), digits)


def test_an_own_class_must_be_trusted(digits, tmp_path):
    model = Own(3, max_epochs=2, random_state=0).fit(digits)
    name = f"{Own.__module__}.Own"
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    assert set(untrusted) - set(skae.TRUSTED_TYPES) == {name}
    assert_same(model, through_skops(model, [*skae.TRUSTED_TYPES, name]), digits)
    assert_same(model, through_safetensors(model, tmp_path, [Own]), digits)
    with pytest.raises(SavedModelError, match=r"contains a .*Own, .*classes=\["):
        through_safetensors(model, tmp_path)


def test_a_pipeline(digits):
    y = np.arange(len(digits)) % 3
    pipe = make_pipeline(StandardScaler(), small_dense(), KernelPCA(4), SVC())
    pipe.fit(digits, y)
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(pipe))
    assert set(untrusted) <= set(skae.TRUSTED_TYPES)
    loaded = through_skops(pipe)
    np.testing.assert_array_equal(loaded.predict(digits), pipe.predict(digits))
    codes = pipe[:-1].transform(digits)
    np.testing.assert_array_equal(loaded[:-1].transform(digits), codes)


@pytest.mark.parametrize("way", WAYS)
def test_the_sequence_of_samples_goes_on(make_any, digits, way, tmp_path):
    model = make_any(latent_density="normal").fit(digits)
    first = model.sample(3)
    loaded = WAYS[way](model, tmp_path)
    for _ in range(2):
        following = model.sample(3)
        np.testing.assert_array_equal(loaded.sample(3), following)
        assert not np.array_equal(following, first)


def test_an_unfitted_model(tmp_path):
    for loaded in (
        through_skops(small_conv()),
        through_safetensors(small_conv(), tmp_path),
    ):
        assert repr(loaded) == repr(small_conv())
        assert not hasattr(loaded, "module_")


def test_densities(digits, tmp_path):
    codes = digits[:, :3] + np.arange(3)
    flow = CouplingFlow(n_components=3, n_layers=2, hidden_size=4)
    for density in (Gaussian().fit(codes), FlowPrior(flow).fit(codes), FlowPrior(flow)):
        for loaded in (through_skops(density), through_safetensors(density, tmp_path)):
            if hasattr(density, "n_features_in_"):
                scores = density.score_samples(codes)
                np.testing.assert_array_equal(loaded.score_samples(codes), scores)


@pytest.mark.parametrize(
    "save", ["pickle", "skops", "safetensors"], ids=lambda name: f"by {name}"
)
def test_training_goes_on_after_saving(make_any, digits, save, tmp_path):
    model = make_any(latent_density=None).partial_fit(digits)
    loaded = {
        "pickle": lambda: pickle.loads(pickle.dumps(model)),
        "skops": lambda: through_skops(model),
        "safetensors": lambda: through_safetensors(model, tmp_path),
    }[save]()
    for _ in range(2):
        model.partial_fit(digits)
        loaded.partial_fit(digits)
    assert_same(model, loaded, digits)


def is_plain(value):
    """Return whether a value consists of plain data, and of densities of skae."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(v) for key, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, PlainState):
        return is_plain(value.__getstate__())
    return value is None or isinstance(value, bool | int | float | str | np.ndarray)


@pytest.mark.parametrize("density", DENSITIES)
def test_the_state_is_plain_data(make_any, digits, density):
    model = make_any(latent_density=density, device=torch.device("cpu"), warm_start=True)
    assert is_plain(model.fit(digits).__getstate__())


def test_parameters_may_change_after_the_fit(digits, tmp_path):
    model = small_dense().fit(digits)
    codes = model.transform(digits)
    model.set_params(
        n_components=9, hidden_layer_sizes=(3, 3), init="random", loss="huber"
    )
    for loaded in (
        pickle.loads(pickle.dumps(model)),
        through_skops(model),
        through_safetensors(model, tmp_path),
    ):
        np.testing.assert_array_equal(loaded.transform(digits), codes)
        assert repr(loaded) == repr(model)
        assert loaded.fit(digits).transform(digits).shape == (200, 9)


# --- own architectures ---------------------------------------------------------


class Tied(BaseAutoencoder):
    """The decoder's weights are those of the encoder."""

    def _build_networks(self, n_features):
        encoder = nn.Linear(n_features, n_features)
        decoder = nn.Linear(n_features, n_features)
        decoder.weight = encoder.weight
        return encoder, decoder


class Peculiar(BaseAutoencoder):
    """Buffers, running statistics, parametrizations, lazy and frozen layers."""

    class Constants(nn.Module):
        def __init__(self):
            super().__init__()
            self.plain = torch.linspace(0.5, 1.5, 4)
            self.register_buffer("fixed", torch.full((4,), 0.5), persistent=False)
            self.register_buffer("order", torch.randperm(4))

        def forward(self, X):
            return (X * self.plain + self.fixed)[:, self.order]

    def _build_networks(self, n_features):
        encoder = nn.Sequential(
            nn.LazyLinear(8),
            nn.BatchNorm1d(8),
            parametrizations.weight_norm(nn.Linear(8, 4)),
            self.Constants(),
        )
        decoder = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(4, 8)),
            nn.Linear(8, n_features),
        )
        decoder[0].bias.requires_grad_(False)
        return encoder, decoder


def test_numbers_of_extended_precision_keep_all_digits(digits, tmp_path):
    tenth = np.longdouble(1) / 10
    ae = small_dense(max_grad_norm=tenth).fit(digits)
    save_model(ae, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert type(loaded.max_grad_norm) is np.longdouble
    assert loaded.max_grad_norm == tenth


@pytest.mark.parametrize("init", ["pca", "random"])
def test_tied_weights_stay_tied(digits, init):
    model = Tied(64, init=init, random_state=0).partial_fit(digits)
    loaded = pickle.loads(pickle.dumps(model))
    assert_same(model, loaded, digits)
    assert loaded.n_parameters_ == model.n_parameters_
    assert_same(model.partial_fit(digits), loaded.partial_fit(digits), digits)
    if init == "random":
        assert loaded.encoder_.body.weight is loaded.decoder_.body.weight


@pytest.mark.parametrize("init", ["pca", "random"])
def test_buffers_statistics_parametrizations_and_lazy_layers(digits, init):
    model = Peculiar(4, init=init, random_state=0).partial_fit(digits)
    loaded = pickle.loads(pickle.dumps(model))
    assert_same(model, loaded, digits)
    frozen = [
        name for name, p in loaded.module_.named_parameters() if not p.requires_grad
    ]
    assert len(frozen) == 1
    assert_same(model.partial_fit(digits), loaded.partial_fit(digits), digits)


def test_what_a_callback_has_frozen_stays_frozen(digits):
    model = small_dense(callbacks=[Freezer("encoder.body.network.*")]).fit(digits)
    loaded = pickle.loads(pickle.dumps(model))
    trained = {name for name, p in loaded.module_.named_parameters() if p.requires_grad}
    assert trained == {n for n, p in model.module_.named_parameters() if p.requires_grad}
    assert len(trained) < len(list(loaded.module_.parameters()))


@pytest.mark.parametrize("way", WAYS)
def test_what_a_user_has_frozen_stays_frozen(digits, way, tmp_path):
    model = small_dense().fit(digits)
    model.decoder_.requires_grad_(False)
    loaded = WAYS[way](model, tmp_path)
    trained = [name for name, p in loaded.module_.named_parameters() if p.requires_grad]
    assert trained
    assert all(name.startswith("encoder.") for name in trained)


# --- versions ------------------------------------------------------------------


def test_other_versions_are_named(digits, monkeypatch):
    others = state_module.versions() | {"torch": "1.0.0"}
    with monkeypatch.context() as patch:
        patch.setattr(state_module, "versions", lambda: others)
        saved = pickle.dumps(small_dense(latent_density=None).fit(digits))
    with pytest.warns(ModelVersionWarning, match=r"torch 1\.0\.0, now") as record:
        pickle.loads(saved)
    assert len(record) == 1
    assert record[0].message.saved_versions == others
    assert "scikit-learn" not in str(record[0].message)


@pytest.mark.parametrize("library", state_module.versions())
@pytest.mark.parametrize("way", WAYS)
def test_another_version_of_each_library_is_named(
    digits, monkeypatch, tmp_path, library, way
):
    model = small_dense(latent_density=None).fit(digits)
    others = state_module.versions() | {library: "0.0.1"}
    save = {
        "pickle": pickle.dumps,
        "skops": skops.io.dumps,
        "safetensors": lambda model: save_model(model, tmp_path / "model"),
    }[way]
    load = {
        "pickle": pickle.loads,
        "skops": lambda saved: skops.io.loads(saved, trusted=skae.TRUSTED_TYPES),
        "safetensors": lambda saved: load_model(tmp_path / "model"),
    }[way]
    with monkeypatch.context() as patch:
        patch.setattr(state_module, "versions", lambda: others)
        saved = save(model)
    with pytest.warns(ModelVersionWarning, match=rf"{library} 0\.0\.1, now") as record:
        loaded = load(saved)
    assert len(record) == 1
    assert_same(model, loaded, digits)


def test_another_form_names_the_version_that_reads_it(digits, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(state_module, "FORM", 7)
        patch.setattr(state_module, "versions", lambda: {"skae": "3.2.1"})
        saved = pickle.dumps(small_dense(latent_density=None).fit(digits))
    with pytest.raises(SavedModelError, match=r"form 7, .* skae 3\.2\.1, which saved it"):
        pickle.loads(saved)


@pytest.mark.parametrize("state", [{}, {"n_components": 3}, [1], None, "text"])
def test_something_else_is_refused(state):
    with pytest.raises(SavedModelError, match="not in a form that skae"):
        object.__new__(skae.DenseAutoencoder).__setstate__(state)


def test_parameters_that_a_file_lacks_get_their_defaults(digits):
    model = small_dense().fit(digits)
    state = model.__getstate__()
    content = {k: v for k, v in state["content"].items() if k != "max_grad_norm"}
    loaded = object.__new__(skae.DenseAutoencoder)
    loaded.__setstate__(sealed(loaded, content))
    assert loaded.max_grad_norm is None
    np.testing.assert_array_equal(loaded.transform(digits), model.transform(digits))


# --- what safetensors cannot hold ----------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"callbacks": [EpochTimer()]}, r"callbacks\.0 is a skorch\.callbacks"),
        ({"latent_density": GaussianMixture(2)}, "latent_density is a sklearn.mixture"),
        ({"optimizer": torch.optim.SGD}, "optimizer is a builtins.type"),
    ],
)
def test_safetensors_refuses_other_objects(digits, tmp_path, params, message):
    model = small_dense(**params).fit(digits)
    with pytest.raises(TypeError, match=message):
        save_model(model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_safetensors_refuses_other_models_and_files(digits, tmp_path):
    with pytest.raises(TypeError, match="got a Pipeline"):
        save_model(make_pipeline(small_dense()), tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "missing")
    safetensors.numpy.save_file({"a": digits}, tmp_path / "other")
    with pytest.raises(SavedModelError, match="no entry 'skae'"):
        load_model(tmp_path / "other")


def test_a_failed_save_leaves_the_file_before(digits, tmp_path, monkeypatch):
    model = small_dense().fit(digits)
    save_model(model, tmp_path / "model")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_model(small_dense(n_components=2).fit(digits), tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert_same(model, load_model(tmp_path / "model"), digits)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupted_save_leaves_the_file_before(digits, tmp_path, monkeypatch, step):
    save_model(small_dense().fit(digits), tmp_path / "model")
    before = (tmp_path / "model").read_bytes()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_model(small_dense(n_components=2).fit(digits), tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model").read_bytes() == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn], ids=str)
def test_a_file_of_types_that_numpy_lacks_is_another_programs(tmp_path, dtype):
    tensors = {"weight": torch.zeros(3).to(dtype)}
    safetensors.torch.save_file(tensors, tmp_path / "other")
    with pytest.raises(SavedModelError, match="is not a model of skae"):
        load_model(tmp_path / "other")


def write_header(path, header, arrays=None):
    """Write a safetensors file with any text as the description of its model."""
    arrays = {"a": np.zeros(3)} if arrays is None else arrays
    path.write_bytes(safetensors.numpy.save(arrays, {"skae": header}))


@pytest.mark.parametrize(
    "header",
    ["", "{", "{}", "[" * 10**5, '{"class": "os.system", "state": {"dict": {}}}']
    + ['{"array": "missing"}', '{"tuple": null}', '{"class": "skae.DenseAutoencoder"}'],
)
def test_a_header_that_describes_no_model_is_refused(tmp_path, header):
    write_header(tmp_path / "model", header)
    with pytest.raises(SavedModelError):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("header", ['{"dict": [1]}', '{"dict": null}'])
def test_a_header_with_a_wrong_dictionary_is_refused(tmp_path, header):
    write_header(tmp_path / "model", header)
    with pytest.raises(SavedModelError):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("header", ["null", "3", "[1, 2]", '{"array": "a"}'])
def test_a_header_of_data_that_are_no_model_is_refused(tmp_path, header):
    write_header(tmp_path / "model", header)
    with pytest.raises(SavedModelError):
        load_model(tmp_path / "model")


def test_a_number_in_a_header_does_not_become_memory(tmp_path):
    write_header(tmp_path / "model", json.dumps({"scalar": "S1", "value": 10**8}))
    tracemalloc.start()
    try:
        with pytest.raises(SavedModelError):
            load_model(tmp_path / "model")
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["device_", "n_features_in_", "n_components_", "settings", "training"]
)
def test_a_file_without_an_attribute_is_refused(digits, tmp_path, name):
    model = small_dense(latent_density=None).fit(digits)
    content = model.__getstate__()["content"]
    del (content if name in content else content["_net"])[name]
    arrays = {}
    state = encode(
        sealed(model, content), arrays, encode_object=saving_module._encoded_object
    )
    header = json.dumps({"class": "skae.DenseAutoencoder", "state": state})
    write_header(tmp_path / "model", header, arrays)
    with pytest.raises(SavedModelError):
        load_model(tmp_path / "model")


def test_a_missing_package_is_named(digits, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "skae\[safetensors\]"'):
        save_model(small_dense().fit(digits), tmp_path / "model")


# --- damage --------------------------------------------------------------------


class SafeUnpickler(pickle.Unpickler):
    """Finds only what a model needs, so that no damage can execute anything else."""

    def find_class(self, module, name):
        if module.split(".")[0] not in ("numpy", "skae", "copyreg"):
            raise pickle.UnpicklingError(f"{module}.{name} would be executed")
        return super().find_class(module, name)


def damaged_loads(name, digits, folder, n, seed=0):
    """Cut files short and flip bits, n times each; return the numbers of each outcome.

    It takes a minute with n = 1000.
    """
    model = small_dense_variational(hidden_layer_sizes=(6,), n_flow_layers=0)
    model = model.fit(digits)
    path = folder / "model"
    save_model(model, path)
    whole, load = {
        "pickle": (pickle.dumps(model), lambda b: SafeUnpickler(io.BytesIO(b)).load()),
        "skops": (
            skops.io.dumps(model),
            lambda b: skops.io.loads(b, trusted=skae.TRUSTED_TYPES),
        ),
        "safetensors": (
            path.read_bytes(),
            lambda b: (path.write_bytes(b), load_model(path))[1],
        ),
    }[name]
    assert_same(model, load(whole), digits)  # what is refused below is refused for damage
    expected = SavedModelError if name == "safetensors" else Exception
    rng, outcomes = random.Random(seed), {"refused": 0, "the same": 0}
    for number in range(2 * n):
        damaged = bytearray(whole)
        if number % 2:
            del damaged[rng.randrange(len(whole)) :]
        else:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ModelVersionWarning)
                loaded = load(bytes(damaged))
        except expected:
            outcomes["refused"] += 1
        else:
            assert_same(model, loaded, digits)
            outcomes["the same"] += 1
    return outcomes


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::UserWarning:zipfile")
@pytest.mark.parametrize("name", ["pickle", "skops", "safetensors"])
def test_a_damaged_file_is_refused_or_the_same(name, digits, tmp_path):
    outcomes = damaged_loads(name, digits, tmp_path, 100)
    assert outcomes["refused"] > 180


def test_other_weights_with_the_old_checksum_are_refused(digits):
    state = small_dense().fit(digits).__getstate__()
    arrays = state["content"]["_net"]["arrays"]
    name = next(iter(arrays))
    arrays[name] = arrays[name] + 1
    with pytest.raises(SavedModelError, match="checksum"):
        object.__new__(skae.DenseAutoencoder).__setstate__(state)


# --- hostile files, with correct checksums -------------------------------------

HUGE = 2**31 - 1
FORGERIES = {
    "components": lambda c: c.update(n_components_=10**9),
    "features": lambda c: c.update(n_features_in_=HUGE),
    "both": lambda c: c.update(n_features_in_=HUGE, n_components_=HUGE),
    "wide layer": lambda c: c.update(hidden_layer_sizes_=(HUGE,)),
    "wide layers": lambda c: c.update(hidden_layer_sizes_=(10**5, 10**5)),
    "many layers": lambda c: c.update(hidden_layer_sizes_=(1,) * 10**6),
    "no array": lambda c: c["_net"]["arrays"].popitem(),
    "further array": lambda c: c["_net"]["arrays"].update(more=np.zeros(3)),
    "shape": lambda c: c["_net"]["arrays"].update(
        {"encoder.body.linear.weight": np.zeros((4, 63), np.float32)}
    ),
    "type": lambda c: c["_net"]["arrays"].update(
        {"encoder.body.linear.weight": np.zeros((4, 64), np.int8)}
    ),
    "objects": lambda c: c["_net"]["arrays"].update(
        {"encoder.body.linear.weight": [[0.0] * 64] * 4}
    ),
    "values in float64": lambda c: c["_net"]["arrays"].update(
        {"encoder.body.linear.weight": np.zeros((4, 64))}
    ),
    "no value": lambda c: c["_net"]["arrays"].update(
        {"encoder.body.linear.weight": None}
    ),
    "name": lambda c: c["_net"]["arrays"].update(
        other=c["_net"]["arrays"].pop("encoder.body.linear.weight")
    ),
    "negative": lambda c: c.update(n_features_in_=-64),
    "beyond integers": lambda c: c.update(n_components_=2**70),
    "loss": lambda c: c.update(loss="__import__('os')"),
}
CONV_FORGERIES = {
    "channels": lambda c: c.update(conv_channels=(HUGE,)),
    "wide channels": lambda c: c.update(conv_channels=(10**6,) * 3),
    "latent codes": lambda c: c.update(n_components_=10**9),
    "many channels": lambda c: c.update(conv_channels=(8,) * 10**6),
    "kernel": lambda c: c.update(kernel_size=HUGE),
    "image": lambda c: c.update(image_shape_=(1, HUGE, HUGE)),
    "layers": lambda c: c.update(hidden_layer_sizes=(10**5,) * 3),
    "flow": lambda c: c.update(n_flow_layers_=10**6),
}


@pytest.mark.parametrize(
    ("make", "forge"),
    [
        *[pytest.param(small_dense, forge, id=name) for name, forge in FORGERIES.items()],
        *[
            pytest.param(small_conv_variational, forge, id=name)
            for name, forge in CONV_FORGERIES.items()
        ],
    ],
)
def test_a_hostile_file_is_refused_before_it_takes_memory(digits, make, forge):
    model = make(latent_density=None).fit(digits)
    content = model.__getstate__()["content"]
    forge(content)
    loaded = object.__new__(type(model))
    state = sealed(loaded, content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(ValueError, match=r"saved|invalid"):
        loaded.__setstate__(state)
    assert time.process_time() - start < 60  # not a measurement: it would take forever
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # kilobytes


@pytest.mark.parametrize("sizes", [np.ones(10**6, int)], ids=["array"])
def test_many_layers_are_refused_whatever_holds_their_sizes(digits, sizes):
    model = small_dense(latent_density=None).fit(digits)
    content = model.__getstate__()["content"] | {"hidden_layer_sizes_": sizes}
    loaded = object.__new__(type(model))
    state = sealed(loaded, content)

    def too_long(number, frame):
        pytest.fail("10 seconds of the processor, and still no error")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, 10)
    try:
        with pytest.raises(ValueError, match=r"saved|invalid"):
            loaded.__setstate__(state)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


HUGE_FLOWS = [
    {"n_layers": 10**6},
    {"n_components": 10**9},
    {"hidden_size": 10**9},
    {"n_components": 10**6, "hidden_size": 10**6},
]


@pytest.mark.parametrize("sizes", HUGE_FLOWS, ids=lambda sizes: " ".join(sizes))
def test_a_hostile_density_is_refused_before_it_takes_memory(digits, sizes):
    flow = CouplingFlow(n_components=3, n_layers=2, hidden_size=4)
    content = FlowPrior(flow).fit(digits[:, :3]).__getstate__()["content"]
    content["flow_"]["sizes"] = content["flow_"]["sizes"] | sizes
    loaded = object.__new__(FlowPrior)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SavedModelError):
        loaded.__setstate__(sealed(loaded, content))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


# --- torch alone ---------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # of torch's exporter
@pytest.mark.parametrize("make", [small_dense, small_conv_variational])
def test_exported_networks_need_torch_alone(make, digits, tmp_path):
    model = make().fit(digits)
    X = torch.tensor(digits, dtype=torch.float32)
    codes = model.encoder_(X).detach()
    batch = torch.export.Dim("batch", min=1)
    for part, inputs in (("encoder", X), ("decoder", codes)):
        program = torch.export.export(
            getattr(model, f"{part}_"), (inputs[:2],), dynamic_shapes=[{0: batch}]
        )
        torch.export.save(program, tmp_path / f"{part}.pt2")
    torch.save((X, codes, model.decoder_(codes).detach()), tmp_path / "expected.pt")
    script = """
import sys
sys.modules |= dict.fromkeys(["skae", "sklearn", "skorch"])
import torch
torch.set_num_threads(1)
X, codes, samples = torch.load("expected.pt")
encoder = torch.export.load("encoder.pt2").module()
decoder = torch.export.load("decoder.pt2").module()
for n in (1, 200):
    torch.testing.assert_close(encoder(X[:n]), codes[:n])
    torch.testing.assert_close(decoder(codes[:n]), samples[:n])
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
