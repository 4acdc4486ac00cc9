"""The same seed gives the same bits, and the global random states stay as they are."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import small_dense
from sklearn.base import clone
from torch import nn

from skae._random import DrawFrom, make_generator


def global_states():
    state = np.random.get_state()
    return state[1].tobytes(), state[2], torch.get_rng_state().numpy().tobytes()


def test_an_int_gives_the_same_bits_every_time(make_small, digits, all_weights):
    ae = make_small()
    first = all_weights(ae.fit(digits))
    np.testing.assert_array_equal(first, all_weights(ae.fit(digits)))
    np.testing.assert_array_equal(first, all_weights(clone(ae).fit(digits)))


def test_another_int_gives_another_model(make_small, digits, all_weights):
    first = all_weights(make_small(random_state=0).fit(digits))
    second = all_weights(make_small(random_state=1).fit(digits))
    assert not np.array_equal(first, second)


def test_none_gives_another_model_each_time_whatever_the_global_seed(
    make_small, digits, all_weights
):
    models = []
    for _ in range(2):
        np.random.seed(0)
        models.append(all_weights(make_small(random_state=None).fit(digits)))
    assert not np.array_equal(*models)


def test_a_random_state_is_drawn_from(make_small, digits, all_weights):
    stream = np.random.RandomState(0)
    first = all_weights(make_small(random_state=stream).fit(digits))
    second = all_weights(make_small(random_state=stream).fit(digits))
    again = all_weights(make_small(random_state=np.random.RandomState(0)).fit(digits))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("random_state", [None, 0])
def test_the_global_states_are_left_alone(make_small, digits, random_state):
    before = global_states()
    ae = make_small(random_state=random_state)
    clone(ae).fit(digits).transform(digits)
    assert global_states() == before


def test_the_global_flags_are_left_alone(make_small, digits):
    def flags():
        return (
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.benchmark,
            torch.get_float32_matmul_precision(),
        )

    before = flags()
    make_small().fit(digits).transform(digits)
    assert flags() == before


def test_the_global_seeds_do_not_matter(make_small, digits, all_weights):
    models = []
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        models.append(all_weights(make_small().fit(digits)))
    np.testing.assert_array_equal(*models)


def test_the_default_dtype_of_torch_does_not_matter(make_small, digits, all_weights):
    expected = all_weights(make_small().fit(digits))
    torch.set_default_dtype(torch.float64)
    try:
        ae = make_small().fit(digits)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {w.dtype for w in ae.module_.parameters()} == {torch.float32}
    np.testing.assert_array_equal(all_weights(ae), expected)


@pytest.mark.parametrize(
    "context",
    [torch.inference_mode, torch.no_grad, lambda: torch.device("meta")],
    ids=["inference mode", "no grad", "default device"],
)
@pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning")
def test_the_modes_of_torch_do_not_matter(make_any, digits, all_weights, context):
    params = {"device": "cpu", "latent_density": "standard_normal", "noise": "gaussian"}
    expected = make_any(**params).fit(digits)
    with context():
        ae = make_any(**params).fit(digits)
        samples = ae.sample(5, random_state=0)
        ae.fit_density(digits, "gaussian_mixture").interpolate(digits[:2], digits[2:4])
    np.testing.assert_array_equal(all_weights(ae), all_weights(expected))
    np.testing.assert_array_equal(samples, expected.sample(5, random_state=0))


def test_four_threads_at_once_give_the_same_bits(make_small, digits, all_weights):
    alone = all_weights(make_small().fit(digits))
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(make_small().fit, digits) for _ in range(12)]
    for fit in fits:
        np.testing.assert_array_equal(all_weights(fit.result()), alone)


def test_another_process_gives_the_same_bits(digits, tmp_path):
    np.save(tmp_path / "X.npy", digits)
    ae = small_dense().fit(digits)
    script = (
        "import numpy, torch; torch.set_num_threads(1);"
        f"from skae import DenseAutoencoder; ae = {ae!r};"
        "numpy.save('codes.npy', ae.fit_transform(numpy.load('X.npy')))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), ae.transform(digits))


LAYERS = {
    "Linear": lambda: nn.Linear(3, 4),
    "Conv2d": lambda: nn.Conv2d(1, 2, 3),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(1, 2, 3),
    "LSTM": lambda: nn.LSTM(2, 3),
    "Embedding": lambda: nn.Embedding(4, 3),
    "MultiheadAttention": lambda: nn.MultiheadAttention(4, 2),
    "init by hand": lambda: nn.init.trunc_normal_(nn.Linear(3, 4).weight),
    "random tensor": lambda: torch.randn(5),
    "permutation": lambda: torch.randperm(50),
    "normal like another": lambda: torch.randn_like(torch.ones(5)),
    "uniform like another": lambda: torch.rand_like(torch.ones(5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_all_kinds_draw_from_the_generator(name):
    def build(seed):
        with DrawFrom(make_generator(seed)):
            made = LAYERS[name]()
        tensors = made.parameters() if isinstance(made, nn.Module) else [made]
        return torch.cat([tensor.detach().ravel().double() for tensor in tensors])

    before = global_states()
    assert torch.equal(build(0), build(0))
    assert not torch.equal(build(0), build(1))
    assert global_states() == before
