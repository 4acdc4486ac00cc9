"""Docstrings, README and guide: complete, true to the code, and all code in them run."""

import ast
import doctest
import importlib
import inspect
import pathlib
import pkgutil
import re

import pytest
from numpydoc.docscrape import NumpyDocString
from tiny_images import write_idx

import skae
from skae._sampling import SamplingMixin
from skae._training import schedules
from skae._variational import VariationalMixin

ROOT = pathlib.Path(skae.__file__).parents[1]
MODULES = ["skae", *(m.name for m in pkgutil.walk_packages(skae.__path__, "skae."))]
ESTIMATORS = [
    skae.BaseAutoencoder,
    skae.DenseAutoencoder,
    skae.ConvAutoencoder,
    skae.DenseVariationalAutoencoder,
    skae.ConvVariationalAutoencoder,
]
DENSITIES = [getattr(skae.densities, name) for name in skae.densities.__all__]
OWNERS = [
    skae.BaseAutoencoder,
    SamplingMixin,
    VariationalMixin,
    skae.densities.Gaussian.__mro__[1],
]
CALLBACKS = [getattr(skae.callbacks, name) for name in skae.callbacks.__all__]
LOOKS = ["plot", "save_gif"]  # methods that skorch does not call
DISPLAYS = [getattr(skae.displays, name) for name in skae.displays.__all__]
METHODS = [
    pytest.param(method, id=f"{owner.__name__}.{name}")
    for owner in OWNERS
    for name, method in vars(owner).items()
    if not name.startswith("_") and callable(method)
]
METRICS = [
    pytest.param(getattr(skae.metrics, name), id=name)
    for name in skae.metrics.__all__
    if name[0].islower()
]
FUNCTIONS = [
    pytest.param(skae.datasets.fetch_images, id="fetch_images"),
    *METRICS,
    *METHODS,
]


def public_parameters(function):
    """Parameters of a function, or of a class's __init__, without self."""
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    }


def documentation_faults(documented):
    """What a docstring leaves out or has wrong about its parameters; empty if nothing."""
    faults = []
    described = {
        parameter.name: parameter
        for parameter in NumpyDocString(inspect.getdoc(documented))["Parameters"]
    }
    signature = public_parameters(documented)
    if list(described) != list(signature):
        faults.append(f"documents {list(described)}, takes {list(signature)}")
    for name in described.keys() & signature.keys():
        default = re.search(r"default=(.+)$", described[name].type)
        actual = signature[name].default
        if default is None:
            has_default = actual is not inspect.Parameter.empty
            if has_default and not (name == "y" and actual is None):
                faults.append(f"{name} does not document its default, {actual!r}")
        elif actual is inspect.Parameter.empty:
            faults.append(f"{name} documents a default, but has none")
        elif ast.literal_eval(default.group(1)) != actual:
            faults.append(f"{name} documents {default.group(1)}, but is {actual!r}")
        if not "".join(described[name].desc).strip():
            faults.append(f"{name} is not described")
    return faults


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_estimator_documents_its_parameters_and_attributes(estimator):
    assert documentation_faults(estimator) == []
    sections = NumpyDocString(inspect.getdoc(estimator))
    assert "{" not in "".join(sections["Extended Summary"])
    fitted = {attribute.name for attribute in sections["Attributes"]}
    assert {"encoder_", "decoder_", "net_", "loss_curve_", "n_iter_"} <= fitted
    assert sections["Examples"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_documents_parameters_returns_and_shapes(function):
    assert documentation_faults(function) == []
    sections = NumpyDocString(inspect.getdoc(function))
    returned = sections["Returns"][0]
    assert returned.name
    types = "".join(p.type for p in sections["Parameters"]) + returned.type
    described = types + "".join("".join(r.desc) for r in sections["Returns"])
    assert re.search(r"\(n_samples", described)


def test_public_names_are_these_and_no_others():
    classes = {name for name, value in vars(skae).items() if inspect.isclass(value)}
    assert classes == {estimator.__name__ for estimator in ESTIMATORS}
    modules = {"callbacks", "datasets", "densities", "displays", "exceptions", "metrics"}
    assert set(skae.__all__) == classes | modules


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_display_documents_its_parameters_and_attributes(display):
    methods = [
        method
        for name, method in inspect.getmembers(display)
        if name[0] != "_" and callable(method)
    ]
    assert {"plot"} <= {method.__name__ for method in methods}
    assert [documentation_faults(f) for f in (display, *methods)] == [[]] * (
        1 + len(methods)
    )
    for method in methods:
        returns = NumpyDocString(inspect.getdoc(method))["Returns"]
        assert bool(returns) == (method.__name__ != "save_gif")
    sections = NumpyDocString(inspect.getdoc(display))
    assert {"figure_", "ax_"} <= {attribute.name for attribute in sections["Attributes"]}
    assert sections["Examples"]


def test_the_summary_documents_what_it_returns():
    assert documentation_faults(skae.BaseAutoencoder.summary) == []
    sections = NumpyDocString(inspect.getdoc(skae.BaseAutoencoder.summary))
    assert sections["Returns"][0].type == "str"
    assert sections["Examples"]


@pytest.mark.parametrize("callback", CALLBACKS)
def test_a_callback_documents_its_parameters_and_attributes(callback):
    looks = [method for name, method in vars(callback).items() if name in LOOKS]
    assert len(looks) == len(LOOKS)
    assert [documentation_faults(f) for f in (callback, *looks)] == [[]] * 3
    sections = NumpyDocString(inspect.getdoc(callback))
    assert sections["Attributes"]
    assert sections["Examples"]


@pytest.mark.parametrize("density", DENSITIES)
def test_a_density_documents_its_parameters_and_attributes(density):
    assert documentation_faults(density) == []
    sections = NumpyDocString(inspect.getdoc(density))
    described = {attribute.name for attribute in sections["Attributes"]}
    fitted = density().fit([[0.0, 1.0], [1.0, 0.0], [3.0, 2.0]])
    public = {name for name in vars(fitted) if name.endswith("_") and name[0] != "_"}
    assert described == public
    assert sections["Examples"]


@pytest.mark.parametrize(
    ("docstring", "fault"),
    [
        ("a : int, default=2\n    Size.\nb : str\n    Name.", "a documents 2, but is 1"),
        ("a : int\n    Size.\nb : str\n    Name.", "a does not document its default, 1"),
        ("a : int, default=1\n    Size.", r"documents \['a'\], takes \['a', 'b'\]"),
        ("a : int, default=1\n    Size.\nb : str", "b is not described"),
        (
            "a : int, default=1\n    Size.\nb : str, default=None\n    Name.",
            "b documents a default, but has none",
        ),
    ],
)
def test_drift_between_docstring_and_signature_is_found(docstring, fault):
    def planted(*, a=1, b):
        pass

    planted.__doc__ = f"Do it.\n\nParameters\n----------\n{docstring}\n"
    faults = documentation_faults(planted)
    assert len(faults) == 1
    assert re.search(fault, faults[0])


def test_a_true_docstring_has_no_faults():
    def planted(*, a=1, b):
        """Do it.

        Parameters
        ----------
        a : int, default=1
            Size.
        b : str
            Name.
        """

    assert documentation_faults(planted) == []


# --- code in the documentation ----------------------------------------------------


@pytest.fixture
def quick_and_tidy(monkeypatch, tmp_path):
    """Few epochs, a data home with tiny files, and a folder that may be written to."""
    write_idx(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))
    monkeypatch.setattr(schedules, "MAX_EPOCHS", 1)
    monkeypatch.setattr(schedules, "MIN_STEPS", 1)
    monkeypatch.setattr(schedules, "MIN_EPOCHS", 1)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name, quick_and_tidy):
    results = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert results.failed == 0


def test_docstrings_have_examples():
    finder = doctest.DocTestFinder()
    examples = [
        test.name
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(examples) >= 4


def code_blocks():
    built = {"_build", "api", "gallery"}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        if built & set(page.relative_to(ROOT).parts):
            continue
        for i, code in enumerate(
            re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
        ):
            yield pytest.param(code, id=f"{page.name}-{i}")


@pytest.mark.parametrize("code", list(code_blocks()))
def test_code_in_readme_and_guide_runs(code, quick_and_tidy):
    namespace = {}
    exec(compile(code, "page", "exec"), namespace)
    assert len(namespace) > 1
