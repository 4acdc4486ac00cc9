"""What a new process, such as a worker of a search, imports before its first fit."""

import subprocess
import sys

import pytest

import skae

# Each of these takes as long as torch itself, or half of it, and fits do not use it.
SLOW = {"sympy", "torch._dynamo", "torch._inductor", "torch.onnx", "triton"}


def imported_by(script):
    """Return the names of all modules that a script imports."""
    script += "\nimport sys\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


FIT = """
import numpy as np, skae
X = np.random.RandomState(0).rand(40, 16).astype(np.float32)
settings = dict(max_epochs=1, early_stopping=True, random_state=0)
skae.DenseAutoencoder(2, **settings).fit(X)
dense = skae.DenseAutoencoder(2, random_state=0).partial_fit(X)
dense.partial_fit(X).reconstruct(X.astype(float))
skae.DenseVariationalAutoencoder(2, n_flow_layers=2, **settings).fit(X).sample(2)
images = X.reshape(-1, 4, 4)
skae.ConvAutoencoder(2, conv_channels=(4,), **settings).fit_transform(images)
"""


def test_fits_import_no_compiler():
    assert imported_by(FIT) & SLOW == set()


def test_estimators_do_without_the_other_public_modules():
    public = {f"skae.{name}" for name in skae._LOADED_AT_FIRST_USE}
    assert imported_by("import skae") & public == set()


def test_public_modules_are_loaded_at_their_first_use():
    names = sorted(skae._LOADED_AT_FIRST_USE)
    loaded = imported_by("import skae\n" + "\n".join(f"skae.{name}" for name in names))
    assert {f"skae.{name}" for name in names} <= loaded


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'skae' has no attribute 'utils'"):
        skae.utils  # noqa: B018
