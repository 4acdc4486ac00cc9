"""What tests/fuzz.py calls with: estimators, parameters and data, right and wrong."""

import contextlib
import dataclasses
import functools
import math
import numbers
import pathlib
import tempfile
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.mixture import GaussianMixture
from skorch.callbacks import Callback, EarlyStopping
from torch import nn

import skae

TOO_LARGE = 10**12  # no machine has memory for so many units, samples or steps
SCRATCH = tempfile.TemporaryDirectory()  # memory maps; removed at exit

# Estimators, densities and callbacks -------------------------------------------------


class OwnAutoencoder(skae.BaseAutoencoder):
    def _build_networks(self, n_features):
        layers = [nn.Linear(n_features, 5), nn.BatchNorm1d(5), nn.ReLU()]
        encoder = nn.Sequential(*layers, nn.Linear(5, self.n_components_))
        return encoder, nn.Linear(self.n_components_, n_features)


class OwnVariationalAutoencoder(skae.BaseVariationalAutoencoder):
    def _build_networks(self, n_features):
        encoder = nn.Linear(n_features, 2 * self.n_components_)
        return encoder, nn.Linear(self.n_components_, n_features)


class InPlace(nn.Module):
    """Changes what it is given."""

    def forward(self, x):
        return x.sub_(0.5)


class OddAutoencoder(skae.BaseAutoencoder):
    """Networks that do something unusual, or wrong, as `batch_size` says."""

    def _build_networks(self, n_features):
        k, d = self.n_components_, n_features
        encoder, decoder = nn.Linear(d, k), nn.Linear(k, d)
        return {
            1: lambda: encoder,
            2: lambda: (encoder, torch.relu),
            3: lambda: (nn.Linear(d, k + 1), decoder),
            4: lambda: (encoder, nn.Linear(k, d + 1)),
            5: lambda: (nn.Linear(d + 1, k), decoder),
            6: lambda: (nn.Sequential(encoder, nn.Flatten(0)), decoder),
            7: lambda: (nn.Sequential(InPlace(), encoder), decoder),
            8: lambda: (nn.Sequential(encoder, nn.Hardtanh(math.nan)), decoder),
            9: lambda: (nn.Linear(d, k, dtype=torch.float64), decoder),
            10: lambda: (nn.LSTM(d, k), decoder),
            11: lambda: (nn.LazyLinear(k), decoder),
            12: lambda: (encoder.requires_grad_(False), decoder.requires_grad_(False)),
        }.get(self.batch_size, lambda: (encoder, decoder))()


CLASSES = [
    *(skae.DenseAutoencoder, skae.DenseVariationalAutoencoder, OwnAutoencoder),
    *(skae.ConvAutoencoder, skae.ConvVariationalAutoencoder, OwnVariationalAutoencoder),
    OddAutoencoder,
]


class BrokenDensity(BaseEstimator):
    """A density that does something wrong."""

    def __init__(self, fault="fit"):
        self.fault = fault

    def fit(self, X, y=None):
        if self.fault == "fit":
            raise ValueError("latent_density: BrokenDensity does not fit")
        self.shape_ = X.shape
        return self

    def sample(self, n_samples=1, random_state=None):
        values = {"nan": np.nan, "complex": 1j, "text": "a", "infinite": np.inf}
        shape = (n_samples + (self.fault == "length"), self.shape_[1])
        codes = np.full(shape, values.get(self.fault, 0.0))
        return codes[0] if self.fault == "1-D" else codes

    def score_samples(self, X):
        return np.full(len(X) + (self.fault == "length"), np.nan)


class Raises(Callback):
    """Raises an error at some point of training."""

    def __init__(self, point):
        self.point = point

    def fail(self, point, net, **kwargs):
        if point == self.point:
            raise ValueError(f"callbacks: {point} has failed")


POINTS = ["train_begin", "epoch_begin", "batch_begin", "batch_end", "epoch_end"]
POINTS += ["train_end", "grad_computed"]
for point in POINTS:
    setattr(Raises, f"on_{point}", functools.partialmethod(Raises.fail, point))


class StopsFirst(Callback):
    """Stops training after an epoch."""

    def on_epoch_end(self, net, **kwargs):
        raise skae.exceptions.StopTraining


# Parameters: values that are right, and a rule that judges any value ------------------
# A rule returns True for a value that works, False for one that must be refused, and
# None for one that may be either.

HOSTILE = [
    *(None, "", "relUu", b"relu", np.str_("relu"), True, np.bool_(False), int, object()),
    *(-1, 0, 1, 1.5, -0.5, 1j, math.nan, math.inf, -math.inf, 10**400, -(10**400)),
    *(2**63, 10**12, Fraction(1, 3), Decimal("0.5"), np.float16(0.5), np.longdouble(0.5)),
    *(np.uint8(200), np.int8(-3), np.array([1, 2]), np.array(3), np.ma.masked, pd.NA),
    *(np.datetime64("NaT"), np.float32(np.nan), [], {}, (), (3, -1), [4, "4"], "3"),
]

BORDERLINE = [10**12, 10**400, 2**63, np.uint8(200), 1e30, 1e-30, 1e308, Fraction(1, 3)]
BORDERLINE += [np.float16(6e4), np.float16(6e-8), 0, 5e-324, np.int8(127)]


def integer(low, when_huge=None):
    def judge(value):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            return False
        if value < low:
            return False
        return when_huge if value >= TOO_LARGE else True

    return judge


def real(low, high=math.inf, *, is_open=False):
    def judge(value):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return False
        if not low <= value < high or (is_open and value == low):
            return False
        return None if isinstance(value, Fraction) or value > 1 else True

    return judge


share = real(0, 1, is_open=True)


def choice(*names):
    return lambda value: isinstance(value, str) and str(value) in names


def sizes(value):
    is_sequence = isinstance(value, list | tuple)
    if is_sequence or (isinstance(value, np.ndarray) and value.ndim == 1):
        return all(sizes(v) is True for v in value if not isinstance(v, list))
    return integer(1, when_huge=False)(value)


def boolean(value):
    return isinstance(value, bool | np.bool_)


def or_none(rule):
    return lambda value: value is None or rule(value)


def or_auto(rule):
    return lambda value: choice("auto")(value) or rule(value)


def judge_components(value):
    """A number of components, a share of the variance, or None for all."""
    is_integer = isinstance(value, numbers.Integral)
    return True if value is None else (integer(1, False) if is_integer else share)(value)


def judge_seed(value):
    if isinstance(value, bool):
        return None  # scikit-learn takes it for an integer
    if isinstance(value, numbers.Integral):
        return bool(0 <= value < 2**32)
    return value is None or isinstance(value, np.random.RandomState)


def judge_density(value):
    if value is None or not isinstance(value, str):
        return True if value is None else (None if hasattr(value, "fit") else False)
    return None if value == "standard_normal" else value in DENSITIES


def judge_callbacks(value):
    return True if value is None or (isinstance(value, list) and not value) else None


def may_be(*values):
    """True for these, None for any other: the rule is too involved to tell."""
    return lambda value: True if any(value is v for v in values) else None


ACTIVATIONS = ["identity", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]
BOUNDED = ["identity", "relu", "tanh", "sigmoid"]
LOSSES = ["squared_error", "absolute_error", "huber", "binary_cross_entropy"]
OPTIMIZERS = ["adam", "adamw", "sgd", "rmsprop", "nadam", "radam", "adagrad", "adadelta"]
DENSITIES = ["normal", "gaussian", "gaussian_mixture", "kde", "standard_normal"]
FAULTS = ["fit", "length", "1-D", "nan", "complex", "text", "infinite"]
SIZES = [4, (4,), (), [5], np.array([4]), (6, np.uint8(4)), np.int16(4)]

PARAMETERS = {
    "n_components": (
        [
            *(1, 2, 3, np.int64(2), np.uint8(3), np.uint8(200)),
            *(None, 0.5, 0.95, 0.999999, np.float64(0.9), np.float32(0.8)),
        ],
        judge_components,
    ),
    "init": (["pca", "random"], choice("pca", "random")),
    "hidden_layer_sizes": (SIZES, sizes),
    "decoder_hidden_layer_sizes": ([None, *SIZES], or_none(sizes)),
    "image_shape": ([None, (2, 2), (1, 3, 3), [6, 6], np.array([2, 5, 4])], may_be(None)),
    "conv_channels": ([2, (2,), (), [3, 2], np.array([2])], sizes),
    "kernel_size": (
        [1, 2, 3, np.uint8(3)],  # how large it may be depends on the image
        lambda v: integer(1, False)(v) and (True if v <= 3 or v >= TOO_LARGE else None),
    ),
    "pooling": (["max", "average"], choice("max", "average")),
    "upsampling": (["nearest", "transpose"], choice("nearest", "transpose")),
    "activation": (ACTIVATIONS, choice(*ACTIVATIONS)),
    "latent_activation": (BOUNDED, choice(*BOUNDED)),
    "output_activation": (["auto", *BOUNDED], choice("auto", *BOUNDED)),
    "loss": ([*LOSSES, "gaussian", "laplace"], choice(*LOSSES, "gaussian", "laplace")),
    "beta": ([0, 0.1, 1.0, np.float32(0.5)], real(0)),
    "n_flow_layers": (["auto", 0, 1, 2, np.uint8(2)], or_auto(integer(0, False))),
    "noise": ([None, "gaussian", "masking"], or_none(choice("gaussian", "masking"))),
    "noise_level": ([0.0, 0.25, np.float16(0.5)], real(0)),
    "latent_penalty": ([None, "l1", "l2"], or_none(choice("l1", "l2"))),
    "latent_penalty_weight": ([0, 1e-3, np.float32(0.5)], real(0)),
    "latent_density": (
        [
            None,
            *DENSITIES,
            GaussianMixture(1, init_params="random"),
            *map(BrokenDensity, FAULTS),
        ],
        judge_density,
    ),
    "optimizer": (
        [*OPTIMIZERS, torch.optim.Adam, functools.partial(torch.optim.SGD, momentum=0.9)],
        lambda v: None if callable(v) else choice(*OPTIMIZERS)(v),
    ),
    "lr": ([1e-3, np.float32(0.01), 1], real(0, is_open=True)),
    "lr_schedule": (
        ["auto", "constant", "cosine", "onecycle"],
        choice("auto", "constant", "cosine", "onecycle"),
    ),
    "weight_decay": (["auto", 0, 1e-4, np.float16(0.1)], or_auto(real(0))),
    "batch_size": (
        ["auto", 1, 8, np.uint8(16), 10**12],
        or_auto(integer(1)),
    ),
    "shuffle": ([True, False, np.bool_(True)], boolean),
    "max_epochs": ([1, 2, np.uint8(2)], or_auto(integer(1))),
    "max_grad_norm": ([None, 1.0, np.float16(0.1)], or_none(real(0, is_open=True))),
    "early_stopping": ([False, True, np.bool_(False)], boolean),
    "validation_fraction": (
        [None, 0.2, np.float32(0.5)],
        or_none(real(0, 1, is_open=True)),
    ),
    "n_iter_no_change": ([1, 2, np.int8(3)], integer(1)),
    "tol": ([0, 1e-4], real(0)),
    "warm_start": ([False, True], boolean),
    "callbacks": (
        [
            *(None, [], [Callback()], [("own", Callback())], [StopsFirst()]),
            *([Raises(point)] for point in POINTS),
            [EarlyStopping(monitor="train_loss")],
            [EarlyStopping(monitor="nothing")],
            *([(3, Callback())], [3], Callback(), [Callback], [("a", Callback(), 1)]),
        ],
        judge_callbacks,
    ),
    "precision": (
        ["float32", "tf32", "bfloat16"],
        choice("float32", "tf32", "bfloat16"),
    ),
    "device": (
        ["cpu", "auto", torch.device("cpu"), "cuda:7", "cpux", "meta"],
        may_be("cpu", "auto"),
    ),
    "verbose": ([0, 1, True, np.uint8(2)], lambda v: boolean(v) or integer(0)(v)),
    "random_state": ([0, np.uint8(200), np.random.RandomState(3)], judge_seed),
}
# Of dense estimators.
DENSE_PARAMETERS = {"hidden_layer_sizes": (["auto", *SIZES], or_auto(sizes))}
TINY = {
    "hidden_layer_sizes": (4,),
    "conv_channels": (2,),
    "max_epochs": 1,
    "n_components": 2,
    "latent_density": None,
    "n_flow_layers": 1,
    "batch_size": 16,
    "device": "cpu",
    "random_state": 0,
}
# Values of these that are right may still not go with some data or other parameters.
DEPENDENT = {
    *("loss", "noise_level", "early_stopping", "validation_fraction", "callbacks", "lr"),
    *("warm_start", "image_shape", "latent_density", "device"),
}


# Data --------------------------------------------------------------------------------


@dataclasses.dataclass
class Data:
    """What a method is given for X, and what is known of it."""

    value: object
    text: str
    works: bool | None  # as a rule for parameters returns
    n_samples: int
    form: tuple  # the shape of a sample
    dtype: type | None = None  # of the result, where it is documented


class Subclass(np.ndarray):
    pass


class Stream:
    """Slices like a file's data set, and has no more of an array."""

    def __init__(self, A):
        self.array, self.shape, self.dtype = A, A.shape, A.dtype

    def __getitem__(self, part):
        return self.array[part]

    def with_shape(self, shape):
        self.shape = shape
        return self


class ArrayLike:
    """Knows how to become an array, or what to raise instead."""

    def __init__(self, A):
        self.array = A

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.array, Exception):
            raise self.array
        return self.array if dtype is None else self.array.astype(dtype)


def unaligned(A):
    content = np.frombuffer(b"." + A.tobytes(), dtype="u1")[1:]
    return content.view("f8").reshape(A.shape)


def in_record(A):
    records = np.zeros(len(A), dtype=[("gap", "i1"), ("X", "f4", A.shape[1:])])
    records["X"] = A
    return records["X"]


def memory_map(A, mode):
    directory = pathlib.Path(tempfile.mkdtemp(dir=SCRATCH.name))
    np.save(directory / "X.npy", A)
    return np.load(directory / "X.npy", mmap_mode=mode)


def frame(A, dtype=None):
    names = [f"f{i}" for i in range(A.shape[1])]
    return pd.DataFrame(A, columns=names, dtype=dtype)


def with_column(A, column):
    return frame(A).assign(f0=column)


def with_value(A, value):
    A = A.copy()
    A[-1, ..., -1] = value
    return A


def read_only(A):
    A.flags.writeable = False
    return A


def words(A):
    return ["a", "b"] * (len(A) // 2) + ["c"] * (len(A) % 2)


# Each takes values in [0, 1] of any number of dimensions and makes X of them.
WORKING = {
    "float64": lambda A: A,
    "float32": lambda A: A.astype("f4"),
    "float16": lambda A: A.astype("f2"),
    "longdouble": lambda A: A.astype(np.longdouble),
    "big-endian": lambda A: A.astype(">f8"),
    **{t: lambda A, t=t: (A * 9).astype(t) for t in ("i1", "u1", "i2", "u4", "i8", "u8")},
    "bool": lambda A: A > 0.5,
    "object": lambda A: A.astype(object),
    "F order": np.asfortranarray,
    "negative strides": lambda A: A.astype("f4")[::-1, ..., ::-1],
    "every other": lambda A: np.repeat(A, 2, axis=0)[::2],
    "broadcast": lambda A: np.broadcast_to(A[:1], A.shape),
    "read-only": lambda A: read_only(A.astype("f4")),
    "subclass": lambda A: A.view(Subclass),
    "unaligned": unaligned,
    "field of records": in_record,
    "array-like": ArrayLike,
    "stream": Stream,
    "stream of float32": lambda A: Stream(A.astype("f4")),
    "memory map, F order": lambda A: memory_map(np.asfortranarray(A), "r"),
    "memory map, big-endian": lambda A: memory_map(A.astype(">f4"), "r"),
    "torch float16": lambda A: torch.tensor(A).half(),
    "torch bool": lambda A: torch.tensor(A > 0.5),
    "torch expanded": lambda A: torch.tensor(A[:1]).expand(A.shape),
    "torch parameter": lambda A: nn.Parameter(torch.tensor(A), requires_grad=False),
    "list": lambda A: A.tolist(),
    "tuple of arrays": tuple,
    "memory map, read": lambda A: memory_map(A, "r"),
    "memory map, read and write": lambda A: memory_map(A.astype("f4"), "r+"),
    "memory map, copy on write": lambda A: memory_map((A * 9).astype("u1"), "c"),
    "torch float32": lambda A: torch.tensor(A, dtype=torch.float32),
    "torch float64": torch.tensor,
    "torch int64": lambda A: torch.tensor(A * 9).long(),
    "torch transposed": lambda A: torch.tensor(A.T.copy()).permute(*range(A.ndim)[::-1]),
}
WORKING_FLAT = {
    "pandas": frame,
    "pandas unnamed": pd.DataFrame,
    "pandas float32": lambda A: frame(A, "float32"),
    "pandas Float64": lambda A: frame(A, "Float64"),
    "pandas pyarrow": lambda A: frame(A, "double[pyarrow]"),
    "pandas mixed": lambda A: with_column(A, (A[:, 0] * 9).astype(int)),
    "pandas bool": lambda A: with_column(A, A[:, 0] > 0.5),
    "pandas odd index": lambda A: frame(A).set_index(pd.Index(["i"] * len(A))),
    "pandas nullable bool": lambda A: with_column(A, pd.array(A[:, 0] > 0.5, "boolean")),
    "pandas decimals": lambda A: with_column(A, [Decimal(a) for a in A[:, 0]]),
    "list of tuples": lambda A: [tuple(row) for row in A],
    "polars float32": lambda A: pl.DataFrame(
        A.astype("f4"), schema=[f"f{i}" for i in range(A.shape[1])]
    ),
    "polars": lambda A: pl.DataFrame(A, schema=[f"f{i}" for i in range(A.shape[1])]),
}
UNSURE = {
    "torch bfloat16": lambda A: torch.tensor(A).bfloat16(),
    "torch requires_grad": lambda A: torch.tensor(A).requires_grad_(),
    "torch negative view": lambda A: torch.tensor(A + 0j).conj().imag,
    "object strings": lambda A: A.astype(str).astype(object),
    "list of tensors": lambda A: list(torch.tensor(A)),
    "masked array": np.ma.array,
    "masked values": lambda A: np.ma.array(A, mask=A > 0.5),
    "torch float8": lambda A: torch.tensor(A).to(torch.float8_e4m3fn),
    "torch uint16": lambda A: torch.tensor(A * 9).to(torch.uint16),
    "stream that shrinks": lambda A: Stream(A[: len(A) // 2]).with_shape(A.shape),
    "fractions": lambda A: with_value(A.astype(object), Fraction(1, 3)),
    "negative zero": lambda A: -0.0 * A,
    "channels last": lambda A: A if A.ndim < 4 else np.moveaxis(A, 1, -1),
    "largest integers": lambda A: np.full(A.shape, 2**63 - 1),
    "object of big integers": lambda A: with_value(A.astype(object), 10**30),
}
UNSURE_FLAT = {
    "matrix": np.matrix,
    "pandas sparse": lambda A: frame(A).astype(pd.SparseDtype("float64", 0.0)),
    "pandas nested names": lambda A: pd.DataFrame(
        A, columns=pd.MultiIndex.from_product([["a"], range(A.shape[1])])
    ),
    "pandas numeric categories": lambda A: with_column(A, pd.Categorical(A[:, 0])),
    "pandas twice the same name": lambda A: frame(A).set_axis(["a"] * A.shape[1], axis=1),
    "pandas mixed names": lambda A: frame(A).rename(columns={"f0": 0}),
    "pyarrow table": lambda A: pa.table({f"f{i}": c for i, c in enumerate(A.T)}),
    "timedeltas": lambda A: with_column(A, pd.to_timedelta(A[:, 0], unit="s")),
}
REFUSED = {
    "NaN": lambda A: with_value(A, np.nan),
    "infinity": lambda A: with_value(A.astype("f4"), -np.inf),
    "torch NaN": lambda A: torch.tensor(with_value(A, np.nan)),
    "memory map with NaN": lambda A: memory_map(with_value(A, np.nan), "r"),
    "list with None": lambda A: with_value(A.astype(object), None).tolist(),
    "list with 400 digits": lambda A: with_value(A.astype(object), 10**400).tolist(),
    "strings": lambda A: A.astype(str),
    "stream of strings": lambda A: Stream(A.astype(str)),
    "stream of dates": lambda A: Stream((A * 9).astype("M8[s]")),
    "stream with NaN": lambda A: Stream(with_value(A, np.nan)),
    "memory map of dates": lambda A: memory_map((A * 9).astype("M8[s]"), "r"),
    "memory map of complex": lambda A: memory_map(A + 0j, "r"),
    "array-like of text": lambda A: ArrayLike(A.astype(str)),
    "array-like that fails": lambda A: ArrayLike(ValueError("X: has failed")),
    "list of dicts": lambda A: [{"a": 1.0}] * len(A),
    "records": lambda A: np.zeros(len(A), dtype=[("a", "f8")]).view(np.recarray),
    "class": lambda A: np.ndarray,
    "estimator": lambda A: skae.DenseAutoencoder(),
    "list of strings": lambda A: A.astype(str).tolist(),
    "bytes": lambda A: A.astype("S4"),
    "complex": lambda A: A + 0j,
    "datetime": lambda A: (A * 9).astype("M8[s]"),
    "timedelta": lambda A: (A * 9).astype("m8[s]"),
    "structured": lambda A: np.zeros(len(A), dtype=[("a", "f8"), ("b", "i4")]),
    "ragged": lambda A: [*A.tolist(), [1.0, *A.ravel()]],
    "ragged objects": lambda A: np.array([*A.tolist(), "ab"], dtype=object),
    "no samples": lambda A: A[:0],
    "no features": lambda A: A.reshape(len(A), -1)[:, :0],
    "five dimensions": lambda A: A.reshape(len(A), 1, 1, 1, -1),
    "1-D": lambda A: A.ravel(),
    "0-D": lambda A: np.array(A.max()),
    "number": lambda A: 3.0,
    "None": lambda A: None,
    "text": lambda A: "X",
    "dict": lambda A: {"X": A},
    "set": lambda A: {1.0, 2.0},
    "empty list": lambda A: [],
    "generator": lambda A: (row for row in A),
    "function": lambda A: len,
    "data set": lambda A: torch.utils.data.TensorDataset(torch.tensor(A)),
    "torch sparse": lambda A: torch.tensor(A).to_sparse(),
    "torch meta": lambda A: torch.tensor(A, device="meta"),
    "torch complex": lambda A: torch.tensor(A + 0j),
    "torch no samples": lambda A: torch.tensor(A[:0]),
}
REFUSED_FLAT = {
    "sparse matrix": scipy.sparse.csr_matrix,
    "sparse array": scipy.sparse.coo_array,
    "series": lambda A: frame(A)["f0"],
    "pandas text": lambda A: with_column(A, words(A)),
    "pandas categories": lambda A: with_column(A, pd.Categorical(words(A))),
    "pandas dates": lambda A: with_column(A, pd.Timestamp("2020-02-02")),
    "pandas missing": lambda A: with_column(A, pd.array([pd.NA] * len(A), "Int64")),
    "polars text": lambda A: pl.DataFrame({"f0": words(A)}),
    "pandas complex": lambda A: with_column(A, A[:, 0] * 1j),
    "pandas missing pyarrow": lambda A: with_column(
        A, pd.array([None] * len(A), "double[pyarrow]")
    ),
    "pandas text pyarrow": lambda A: with_column(
        A, pd.array(words(A), "string[pyarrow]")
    ),
    "polars lazy": lambda A: pl.LazyFrame({"f0": A[:, 0]}),
    "polars dates": lambda A: pl.DataFrame({"f0": pd.to_datetime(A[:, 0])}),
    "polars missing": lambda A: pl.DataFrame(with_column(A, None)),
}
KINDS = [(True, WORKING, WORKING_FLAT), (None, UNSURE, UNSURE_FLAT)]
KINDS.append((False, REFUSED, REFUSED_FLAT))
# Ranges of values: the kinds of X that take them are floating-point.
REGIMES = {
    "in [0, 1]": (True, lambda A: A),
    "normal": (True, lambda A: 3 * A - 1),
    "constant": (True, lambda A: np.full_like(A, 0.7)),
    "zero": (True, np.zeros_like),
    "offset": (True, lambda A: A + 1e4),
    "tiny": (True, lambda A: A * 1e-30),
    "denormal": (None, lambda A: A * 1e-310),
    "huge": (None, lambda A: A * 1e30),
    "beyond float32": (None, lambda A: A * 1e300),
}
SCALED = ("float64", "float32", "F order", "list", "memory map, read", "pandas")
FORMS = [(4,), (4,), (9,), (1,), (7,), (6, 6), (2, 5, 4), (1, 1), (6, 6, 3), (3, 1, 1)]


def make_data(rng, form, kinds=None):
    """X of a random kind, with samples of shape `form`."""
    works, any_form, flat = KINDS[rng.choice(3, p=[0.7, 0.1, 0.2])]
    kind = rng.choice([*any_form, *(flat if len(form) == 1 else ())])
    n_samples = int(rng.choice([1, 2, 3, 12, 17, 33]))
    A = rng.random((n_samples, *form))
    text = str(kind)
    if kind in SCALED and rng.random() < 0.5:
        regime = rng.choice(list(REGIMES))
        works, scale = REGIMES[regime]
        A, text = scale(A), f"{kind} {regime}"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = {**any_form, **flat}[kind](A)
    if kind == "channels last" and len(form) == 3:
        form = (form[1], form[2], form[0])
    dtype = str(getattr(value, "dtype", None)).removeprefix("torch.")
    # The types of which float32 holds all values give float32.
    precise = {"object": None, "None": None}
    precise |= dict.fromkeys(["float64", "uint32", "int64", "uint64"], np.float64)
    known = precise.get(dtype, np.float32) if works else None
    if dtype == str(np.dtype(np.longdouble)) or dtype == ">f8":
        known = np.float64
    return Data(value, f"{text} {(n_samples, *form)}", works, n_samples, form, known)


# What a program may have set when it calls ---------------------------------------------


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


ENVIRONMENTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64 by default": lambda: default_dtype(torch.float64),
    "meta device by default": lambda: torch.device("meta"),
    "warnings are errors": contextlib.nullcontext,
    "assume_finite": lambda: sklearn.config_context(assume_finite=True),
    "array_api_dispatch": lambda: sklearn.config_context(array_api_dispatch=True),
}
