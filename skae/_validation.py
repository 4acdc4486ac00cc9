"""Rules for the parameters of estimators, checked when `fit` is called.

A rule says in words what it expects, and whether a value is that. An estimator
declares its rules in a table, ``_parameter_rules``, from names to rules.
"""

import dataclasses
import difflib
import math
import numbers
from collections.abc import Callable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a parameter may be: in words, and as a test.

    Parameters
    ----------
    expected : str
        Ends the error message after "expected".
    allows : callable
        Takes a value, returns whether it is allowed.
    choices : tuple of str, default=()
        Names to suggest for one that was mistyped.
    """

    expected: str
    allows: Callable[[object], bool]
    choices: tuple[str, ...] = ()

    def __or__(self, other):
        return Rule(
            f"{self.expected}, or {other.expected}",
            lambda value: self.allows(value) or other.allows(value),
            self.choices + other.choices,
        )


def one_of(*choices):
    """One of some names."""
    expected = ", ".join(repr(choice) for choice in choices)
    return Rule(
        f"one of {expected}" if len(choices) > 1 else expected,
        lambda value: isinstance(value, str) and value in choices,
        choices,
    )


def only(constant):
    """One constant, such as None."""
    return Rule(repr(constant), lambda value: value is constant)


def integer(minimum, maximum=math.inf):
    """A whole number, Python's or NumPy's, not a bool."""
    at_most = "" if math.isinf(maximum) else f" and at most {maximum}"
    return Rule(
        f"an integer of at least {minimum}{at_most}",
        lambda value: _is_integer(value) and minimum <= value <= maximum,
    )


def real(minimum, maximum=math.inf, *, open_ends=False):
    """A finite number from `minimum` to `maximum`, or between them where `open_ends`."""
    at_least, at_most = ("above", "below") if open_ends else ("of at least", "at most")
    upper = "" if math.isinf(maximum) else f" and {at_most} {maximum}"
    return Rule(
        f"a finite number {at_least} {minimum}{upper}",
        lambda value: (
            _is_real(value)
            and math.isfinite(value)
            and minimum <= value <= maximum
            and not (open_ends and value in (minimum, maximum))
        ),
    )


def boolean():
    """True or False, Python's or NumPy's."""
    return Rule("True or False", lambda value: isinstance(value, bool | np.bool_))


def integers(minimum, *, lengths=None):
    """A sequence of whole numbers, of one of some lengths where given."""
    count = "" if lengths is None else " or ".join(map(str, lengths)) + " "
    return Rule(
        f"a sequence of {count}integers of at least {minimum}",
        lambda value: (
            _is_sequence(value)
            and (lengths is None or len(value) in lengths)
            and all(_is_integer(item) and item >= minimum for item in value)
        ),
    )


def random_state():
    """What scikit-learn takes for a seed."""
    return (
        only(None)
        | integer(0, 2**32 - 1)
        | Rule(
            "a numpy RandomState",
            lambda value: isinstance(value, np.random.RandomState),
        )
    )


def check_parameters(estimator, rules):
    """Raise a ValueError for the first parameter that its rule does not allow."""
    for name, rule in rules.items():
        value = getattr(estimator, name)
        if not rule.allows(value):
            raise ValueError(
                f"{type(estimator).__name__} got {name}={value!r}; "
                f"expected {rule.expected}.{_suggestion(value, rule.choices)}"
            )


def layer_sizes(hidden_layer_sizes):
    """`hidden_layer_sizes` as a tuple: a number stands for one layer of that size."""
    if isinstance(hidden_layer_sizes, numbers.Integral):
        return (int(hidden_layer_sizes),)
    return tuple(int(size) for size in hidden_layer_sizes)


def _suggestion(value, choices):
    if not isinstance(value, str):
        return ""
    close = difflib.get_close_matches(value.lower(), choices, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _is_sequence(value):
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_real(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
