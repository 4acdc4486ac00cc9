"""Types: the annotations agree with what runs. mypy itself runs in `.ci/run`."""

import ast
import inspect
import os
import pathlib
import re
import subprocess
import sys
import types
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from helpers import small_conv, small_dense, small_dense_variational

import skae
from skae import _types
from skae._detection.scores import MEASURES
from skae._onnx.export import OUTPUTS
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae.datasets import _SOURCES
from skae.densities._choose import DENSITIES
from skae.nn.corruption import CORRUPTIONS
from skae.nn.linear_path import LATENT_LINES
from skae.nn.losses import LATENT_PENALTIES, LOSSES, POWERS
from skae.nn.networks import ACTIVATION_RANGES, ACTIVATIONS, POOLINGS

SCRIPT = pathlib.Path(__file__).with_name("typed_script.py")
MODULES = [skae, *(getattr(skae, n) for n in skae.__all__ if n.islower())]

# Choices that are keys of a table: the table has an entry for each one.
TABLES = [
    (_types.Activation, ACTIVATIONS),
    (_types.LastActivation, ACTIVATION_RANGES),
    (_types.LastActivation, LATENT_LINES),
    (_types.Loss, LOSSES),
    (_types.Loss, POWERS),
    (_types.Noise, CORRUPTIONS),
    (_types.Penalty, LATENT_PENALTIES),
    (_types.DensityName, DENSITIES),
    (_types.OptimizerName, OPTIMIZERS),
    (_types.Schedule, SCHEDULES),
    (_types.Pooling, POOLINGS),
    (_types.OnnxPart, OUTPUTS),
    (_types.ImageData, _SOURCES),
]


@pytest.mark.parametrize(("choices", "table"), TABLES)
def test_a_table_has_an_entry_for_each_choice(choices, table):
    assert list(table) == list(get_args(choices))


def test_a_measure_exists_for_each_anomaly_score_but_that_of_the_density():
    assert set(get_args(_types.AnomalyScore)) == {"auto", "density", *MEASURES}


def test_the_typed_script_runs(tmp_path):
    command = [sys.executable, "-W", "error", str(SCRIPT)]
    added = {"MPLBACKEND": "agg", "PYTHONPATH": str(SCRIPT.parents[1])}
    result = subprocess.run(
        command, cwd=tmp_path, env=os.environ | added, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_typed_script_uses_all_public_names(module):
    used = {
        node.id for node in ast.walk(ast.parse(SCRIPT.read_text())) if hasattr(node, "id")
    }
    names = {n for n in module.__all__ if module is not skae or not n.islower()}
    assert names - used == set()


def annotated(kind):
    """Return the annotated attributes of a class, its bases' included."""
    return {
        name: hint
        for base in reversed(kind.__mro__)
        for name, hint in inspect.get_annotations(base).items()
    }


def documented_attributes(kind):
    """Return the names in the section on attributes of a docstring."""
    docstring = inspect.cleandoc(kind.__doc__)
    section = re.search(r"Attributes\n-+\n(.*?)\n\n", docstring, re.S)[1]
    return re.findall(r"^(\w+) : ", section, re.M)


FITTED = [
    *(getattr(skae, name) for name in skae.__all__ if name.endswith(("coder", "tector"))),
    *(getattr(skae.densities, name) for name in skae.densities.__all__),
    *(getattr(skae.displays, name) for name in skae.displays.__all__),
    skae.callbacks.ReconstructionRecorder,
]


@pytest.mark.parametrize("kind", FITTED)
def test_type_checkers_know_all_documented_attributes(kind):
    documented = set(documented_attributes(kind))
    assert documented
    assert documented - {*annotated(kind), *dir(kind)} == set()


def matches(value, hint):
    if hint is Any:
        return True
    if get_origin(hint) in (Union, types.UnionType):
        return any(matches(value, part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return isinstance(value, get_origin(hint) or hint)


@pytest.mark.parametrize("make", [small_dense, small_conv, small_dense_variational])
def test_fitted_attributes_have_the_types_of_their_annotations(digits, make):
    ae = make(validation_fraction=0.1).fit(digits)
    hints = {name: hint for name, hint in annotated(type(ae)).items() if name[-1] == "_"}
    hints.pop("feature_names_in_")  # only those of a data frame are kept
    assert len(hints) >= 10
    wrong = {name for name, hint in hints.items() if not matches(getattr(ae, name), hint)}
    assert wrong == set()
