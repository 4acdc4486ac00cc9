"""What tests/fuzz.py holds a call against: results, errors, and what must stay."""

import contextlib
import dataclasses
import hashlib
import io
import math
import os
import random
import re
import signal
import traceback
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse
import sklearn
import torch
import torch._dynamo  # torch imports it at first use, and SymPy: both set global state
from sklearn.exceptions import DataConversionWarning, NotFittedError

import skae

TIME_LIMIT = 60  # seconds for a call

ALLOWED_ERRORS = (ValueError, TypeError, NotFittedError, MemoryError)
ALLOWED_WARNINGS = (DataConversionWarning,) + tuple(
    kind
    for kind in vars(skae.exceptions).values()
    if isinstance(kind, type) and issubclass(kind, Warning)
)
# Errors on purpose are raised in these places; the last is the user's own code.
CHECKED_BY = (
    *(os.path.dirname(package.__file__) + os.sep for package in (skae, sklearn)),
    os.path.join(os.path.dirname(__file__), "fuzz_values"),
)
ARGUMENTS = ("X", "n_samples", "n_steps", "random_state", "density_", "BrokenDensity")
ARGUMENTS += ("_build_networks", "encoder", "decoder", "networks")
# What torch, NumPy and Python say of an error that was not foreseen.
SMELLS = (
    *("expected m1 and m2", "mat1 and mat2", "shape '[", "index out of range"),
    *("broadcast", "unsupported operand", "object has no attribute", "result type"),
    *("cannot be interpreted", "INDICES element", "Dimension out of range", "a leaf"),
    *("must be real number, not", "inhomogeneous", "could not convert", "is ambiguous"),
    *("too large to convert", "not subscriptable", "not iterable", "must be same length"),
    *("stride is negative", "Unable to allocate", "not enough memory"),
)
# scikit-learn's own words, which its estimator checks ask for, name X by what it holds.
SKLEARN_WORDS = (
    *("2D array", "2-dimensional container", "Found array", "Complex data", "np.matrix"),
    *("feature names", "Sparse data", "not a supported array type", "non-scalar array"),
    "Fitting the mixture model failed",
)

# Attributes that are compared by what they show.
FITTED = (
    *("loss_curve_", "validation_loss_curve_", "n_iter_", "image_shape_"),
    *("output_activation_", "n_features_in_", "feature_names_in_", "kl_per_component_"),
    *("n_components_", "hidden_layer_sizes_", "n_flow_layers_", "noise_variance_"),
    *("explained_variance_ratio_", "held_out_explained_variance_ratio_"),
)


# What must stay as it is -------------------------------------------------------------


def digest(X):
    """A description of `X` that changes when any part of it does."""
    if isinstance(X, np.ma.MaskedArray):
        return digest(X.data), digest(np.asarray(X.mask))
    if isinstance(X, np.ndarray):
        content = repr(X.tolist()) if X.dtype == object else X.tobytes()
        base = X.base.tobytes() if type(X.base) is np.ndarray else None
        return X.dtype, X.shape, X.strides, str(X.flags), content, base
    if isinstance(X, torch.Tensor):
        is_plain = X.layout == torch.strided and X.device.type == "cpu"
        values = repr(X.tolist()) if is_plain else repr(X.detach())
        return X.dtype, X.shape, X.requires_grad, X.grad is None, X._version, values
    if scipy.sparse.issparse(X):
        return type(X), X.shape, X.tocoo().toarray().tobytes()
    if isinstance(X, pd.DataFrame):
        return repr(X.dtypes), repr(X.columns), repr(X.index), repr(X.values.tolist())
    if isinstance(X, pl.DataFrame):
        return repr(X.schema), repr(X.rows())
    return type(X), digest(X.array) if hasattr(X, "array") else repr(X)


def global_state():
    """What a call must leave alone, by name."""
    name, keys, *place = np.random.get_state()  # noqa: NPY002
    return {
        "NumPy's random state": (name, keys.tobytes(), place),
        "torch's random state": torch.get_rng_state().numpy().tobytes(),
        "Python's random state": hash(random.getstate()),
        "default dtype": torch.get_default_dtype(),
        "default device": str(torch.get_default_device()),
        "number of threads": torch.get_num_threads(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()),
        "matmul precision": torch.get_float32_matmul_precision(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "anomaly mode": torch.is_anomaly_enabled(),
        "NumPy's error state": np.geterr(),
        "warnings filters": list(warnings.filters),
        "scikit-learn's configuration": sklearn.get_config(),
        "Ctrl-C": signal.getsignal(signal.SIGINT),
        "environment": dict(os.environ),
    }


def attempt(function):
    """Its result, or its error: either must not change."""
    try:
        return np.asarray(function()).tobytes()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def fingerprint(estimator):
    """Parameters and fitted state, by name."""
    params = estimator.get_params(deep=False)
    state = {"params": {name: (id(value), repr(value)) for name, value in params.items()}}
    fitted = [name for name in vars(estimator) if name.endswith("_") and name[0] != "_"]
    state["attributes"] = sorted(fitted)
    if not hasattr(estimator, "n_features_in_"):
        return state
    for part in ("encoder_", "decoder_"):
        module, weights = getattr(estimator, part), hashlib.blake2b()
        for tensor in module.state_dict().values():
            weights.update(tensor.cpu().numpy().tobytes())
        learns = [p.requires_grad for p in module.parameters()]
        is_training = any(m.training for m in module.modules())
        state[part] = (weights.hexdigest(), learns, is_training)
    for name in FITTED:
        state[name] = repr(getattr(estimator, name, None))
    size = 3 * estimator.n_features_in_
    probe = np.linspace(0, 1, size, dtype=np.float32).reshape(3, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state["transform"] = attempt(lambda: estimator.transform(probe))
        drawn = attempt(lambda: estimator.sample_latent(3, random_state=0))
    return state | {"density": (repr(estimator.density_), drawn)}


# One call, and what is said of it ------------------------------------------------------


class Fault(Exception):
    """A result that is not what is documented."""


class Hang(BaseException):
    """A call takes longer than `TIME_LIMIT`."""


@dataclasses.dataclass
class Call:
    """A call to be made, and what is known of it beforehand."""

    method: str
    arguments: str
    run: Callable  # makes the call
    check: Callable = lambda result: None  # raises Fault
    data: list = dataclasses.field(default_factory=list)
    bad: list = dataclasses.field(default_factory=list)  # names of what must be refused
    unsure: bool = False  # whether it may be refused for another reason, too
    unfitted: bool = False
    changes: tuple = ()  # the parts of the fingerprint that it may change
    warnings: str = "always"  # or "error"
    own_networks: bool = False  # whose errors reach the caller as they are


def expect(condition, text):
    if not condition:
        raise Fault(text)


def check_array(result, shape, dtype=None, *, low=-math.inf, high=math.inf):
    """Raise Fault unless `result` is a finite array of this shape, type and range."""
    if sklearn.get_config()["array_api_dispatch"] and isinstance(result, torch.Tensor):
        result = result.numpy()
    expect(type(result) is np.ndarray, f"is of type {type(result).__name__}")
    expect(result.shape == shape, f"has shape {result.shape}, not {shape}")
    expect(result.flags.writeable, "is read-only")
    allowed = (np.float32, np.float64) if dtype is None else (dtype,)
    expect(result.dtype in allowed, f"is {result.dtype}, not {dtype}")
    if not sklearn.get_config()["assume_finite"]:
        expect(np.isfinite(result).all(), "is not finite")
        is_inside = (result >= low).all() and (result <= high).all()
        expect(is_inside, f"leaves [{low}, {high}]")


def is_expected(warning, kind):
    return issubclass(kind, ALLOWED_WARNINGS) or "feature names" in str(warning)


def check_error(call, error, estimator):
    """Yield what is wrong with an error."""
    kind, message = type(error), str(error)
    if call.warnings == "error" and isinstance(error, Warning):
        if not is_expected(error, kind):
            yield "warns"
        return
    frames = traceback.extract_tb(error.__traceback__)
    in_layer = any(f"{os.sep}torch{os.sep}nn{os.sep}" in f.filename for f in frames)
    if call.own_networks and call.unsure and in_layer:
        return
    is_own = kind.__module__.startswith("skae") and issubclass(kind, ValueError)
    if kind not in ALLOWED_ERRORS and not is_own:
        yield "raises another type of error"
        return
    if kind is NotFittedError:
        if not call.unfitted:
            yield "says that it is not fitted"
        return
    if call.unfitted and not call.bad:
        yield "raises no NotFittedError"
    if not (call.bad or call.unsure or call.unfitted):
        yield "refuses what should work"
    names = call.bad
    if call.unsure or not call.bad:
        names = [*estimator.get_params(deep=False), *call.bad, *ARGUMENTS, call.method]
    named = any(re.search(rf"(?<![A-Za-z]){name}(?![a-z])", message) for name in names)
    if "X" in names:
        named |= any(w in message for w in (*SKLEARN_WORDS, type(estimator).__name__))
    if not named:
        yield f"does not name {', '.join(call.bad) or 'anything'}"
    own_words = re.sub(
        r" \([^()]*\)\.?$", "", message
    )  # the cause may be quoted at the end
    if any(smell in own_words for smell in SMELLS):
        yield "says what is meant for the developer"
    by_us = frames[-1].filename.startswith(CHECKED_BY)
    if not (by_us and frames[-1].line.startswith("raise")):
        yield "is not raised on purpose"


@contextlib.contextmanager
def time_limit(seconds):
    def stop(number, frame):
        raise Hang(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def may_train(call, estimator, error):
    """Whether a fit that raised may leave a trained model.

    It may where the error is that of a density, of a callback or of a warnings filter.
    """
    if error is None or call.method not in ("fit", "fit_transform"):
        return False
    own = hasattr(estimator.latent_density, "fit") or estimator.callbacks is not None
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    in_density = any(f"skae{os.sep}densities" in name for name in files)
    return own or in_density or call.warnings == "error"


def unfinished(estimator, state):
    """Yield what is not as after a whole epoch."""
    if state["encoder_"][-1] or state["decoder_"][-1]:
        yield "the networks in training mode"
    if len(estimator.loss_curve_) != estimator.n_iter_:
        yield f"n_iter_={estimator.n_iter_}, but {len(estimator.loss_curve_)} losses"
    if isinstance(state["transform"], str):
        yield f"a model that cannot transform: {state['transform']}"
    if estimator.density_ is not None:
        yield "a density"


def perform(estimator, call, environment):
    """Make the call; returns its error, if any, and what is wrong."""
    before, digests = fingerprint(estimator), [digest(d.value) for d in call.data]
    problems, error, output = [], None, io.StringIO()
    with (
        environment,
        time_limit(TIME_LIMIT),
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        warnings.simplefilter(call.warnings)
        state = global_state()
        try:
            result = call.run()
        except (Exception, Hang) as raised:
            error = raised
        after, promised = global_state(), sklearn.get_config()["assume_finite"]
        try:
            if error is None:
                expect(not call.bad, f"accepts {', '.join(call.bad)}")
                expect(not call.unfitted, "comes from an unfitted estimator")
                with warnings.catch_warnings(action="ignore"):
                    call.check(result)
        except (Fault, Hang) as fault:
            problems.append(f"result {fault}")
    if error is not None:
        problems += check_error(call, error, estimator)
    problems += [f"changes {name}" for name in state if state[name] != after[name]]
    for data, then in zip(call.data, digests, strict=True):
        if digest(data.value) != then:
            problems.append(f"changes X, {data.text}")
    trains = error is None or may_train(call, estimator, error)
    may_change = call.changes if trains else ()
    after = fingerprint(estimator)
    changed = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
    if "all" not in may_change and not {*changed} <= {*may_change}:
        problems.append(f"changes the estimator's {', '.join(changed)}")
    elif error is not None and changed:
        problems += [f"leaves {half}" for half in unfinished(estimator, after)]
    for warning in caught:
        if promised and issubclass(warning.category, RuntimeWarning):
            continue  # X may be anything then
        if not is_expected(warning.message, warning.category):
            text = f"{warning.category.__name__}: {warning.message}"
            problems.append(f"warns: {text[:200]}")
    if output.getvalue() and type(estimator.verbose) is int and estimator.verbose == 0:
        problems.append(f"prints: {output.getvalue()[:80]!r}")
    return error, problems
