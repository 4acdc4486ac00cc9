"""Rules for parameters, and the check that applies them when `fit` is called.

A rule tests a value and describes the valid ones in words. An estimator declares its
rules in a table, ``_parameter_rules``, from parameter names to rules.
"""

import contextlib
import dataclasses
import difflib
import math
import numbers
from collections.abc import Callable, Sequence

import numpy as np
from sklearn import get_config

# The largest size of a layer or a kernel. Torch could index more, but no memory would
# hold it.
MAX_SIZE = 2**31 - 1

MAX_SHOWN = 200  # characters of a value that an error message repeats


@dataclasses.dataclass(frozen=True)
class Rule:
    """Condition on a parameter: a description and a test.

    Parameters
    ----------
    expected : str
        Completes the sentence "The parameter must be ...".
    allows : callable
        Takes a value, returns whether it is allowed.
    choices : tuple of str, default=()
        Names to suggest for a misspelled one.
    """

    expected: str
    allows: Callable[[object], bool]
    choices: tuple[str, ...] = ()

    def __or__(self, other):
        before = self.expected.replace(", or ", ", ")  # one "or", before the last one
        return Rule(
            f"{before}, or {other.expected}",
            lambda value: self.allows(value) or other.allows(value),
            self.choices + other.choices,
        )


def one_of(*choices):
    """Allow one of some names."""
    expected = ", ".join(repr(choice) for choice in choices)
    return Rule(
        f"one of {expected}" if len(choices) > 1 else expected,
        lambda value: isinstance(value, str) and value in choices,
        choices,
    )


def only(constant):
    """Allow one constant, such as None."""
    return Rule(repr(constant), lambda value: value is constant)


def integer(minimum, maximum=math.inf):
    """Allow an integer of Python or NumPy, but not a bool."""
    bounds = f"from {minimum} to {maximum}"
    if math.isinf(maximum):
        bounds = f"of at least {minimum}"
    return Rule(
        f"an integer {bounds}",
        lambda value: is_integer(value) and minimum <= value <= maximum,
    )


def real(minimum, maximum=math.inf, *, open_ends=False):
    """Allow a finite number from `minimum` to `maximum`; `open_ends` excludes both."""
    at_least, at_most = ("above", "below") if open_ends else ("of at least", "at most")
    upper = "" if math.isinf(maximum) else f" and {at_most} {maximum}"
    return Rule(
        f"a finite number {at_least} {minimum}{upper}",
        lambda value: (
            _is_finite(value)
            and minimum <= float(value) <= maximum
            and not (open_ends and float(value) in (minimum, maximum))
        ),
    )


def boolean():
    """Allow True or False, of Python or NumPy."""
    return Rule("True or False", lambda value: isinstance(value, bool | np.bool_))


def size():
    """Allow the size of a layer or a kernel, or a number of samples."""
    return integer(1, MAX_SIZE)


def integers(minimum, *, lengths=None):
    """Allow a sequence of integers; `lengths` are its allowed lengths, if given."""
    count = "" if lengths is None else " or ".join(map(str, lengths)) + " "
    return Rule(
        f"a sequence of {count}integers from {minimum} to {MAX_SIZE}",
        lambda value: (
            _is_sequence(value)
            and (lengths is None or len(value) in lengths)
            and all(is_integer(item) and minimum <= item <= MAX_SIZE for item in value)
        ),
    )


def seed():
    """Allow the values of a `random_state` in scikit-learn."""
    return (
        only(None)
        | integer(0, 2**32 - 1)
        | Rule(
            "a numpy RandomState",
            lambda value: isinstance(value, np.random.RandomState),
        )
    )


def check_parameters(estimator, rules):
    """Raise a ValueError for the first parameter that breaks its rule.

    scikit-learn's setting ``skip_parameter_validation`` switches the check off.
    """
    if get_config()["skip_parameter_validation"]:
        return
    for name, rule in rules.items():
        check_value(type(estimator).__name__, name, getattr(estimator, name), rule)


def check_value(caller, name, value, rule):
    """Raise a ValueError if `value` breaks `rule`.

    Parameters
    ----------
    caller : str
        Class, or class and method, that was given the value.
    name : str
        Name of the parameter.
    value : object
    rule : Rule
    """
    if rule.allows(value):
        return
    raise ValueError(
        f"{caller}: {name}={shown(value)} is invalid; must be {rule.expected}."
        f"{_suggestion(value, rule.choices)}"
    )


@contextlib.contextmanager
def naming_memory_errors(caller, name, value):
    """Name the parameter that needs more memory than is available."""
    try:
        yield
    except MemoryError as error:
        raise MemoryError(
            f"{caller}: {name}={value} needs more memory than is available. {error}. "
            f"Lower {name}."
        ) from error


def shown(value):
    """Return the repr of a value, shortened for an error message."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print an integer of thousands of digits
        return f"<{type(value).__name__} of {value.bit_length()} bits>"
    except Exception:
        return f"<{type(value).__name__}>"
    if len(text) > MAX_SHOWN:
        text = f"{text[: MAX_SHOWN // 2]}...{text[-20:]}"
    return text


def is_integer(value):
    """Return whether `value` is an integer of Python or NumPy, but not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def _suggestion(value, choices):
    if not isinstance(value, str):
        return ""
    close = difflib.get_close_matches(value.lower(), choices, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _is_sequence(value):
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_finite(value):
    if not isinstance(value, numbers.Real) or isinstance(value, bool | np.bool_):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False
