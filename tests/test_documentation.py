"""Docstrings, README and guide: complete, true to the code, in the field's words."""

import ast
import doctest
import importlib
import inspect
import pathlib
import pkgutil
import re

import pandas as pd
import pytest
from numpydoc.docscrape import NumpyDocString
from tiny_images import write_idx

import skae
from skae._training import schedules
from skae.densities._base import BaseDensity

ROOT = pathlib.Path(skae.__file__).parents[1]
MODULES = ["skae", *(m.name for m in pkgutil.walk_packages(skae.__path__, "skae."))]
PUBLIC_MODULES = [getattr(skae, name) for name in skae.__all__ if name[0].islower()]
ESTIMATORS = [
    skae.BaseAutoencoder,
    skae.BaseVariationalAutoencoder,
    skae.DenseAutoencoder,
    skae.ConvAutoencoder,
    skae.DenseVariationalAutoencoder,
    skae.ConvVariationalAutoencoder,
]
FIRST_PARAMETERS = ["max_epochs", "device", "random_state", "batch_size"]
DENSITIES = [getattr(skae.densities, name) for name in skae.densities.__all__]
OWNERS = [skae.BaseAutoencoder, skae.BaseVariationalAutoencoder, BaseDensity]
CALLBACKS = [getattr(skae.callbacks, name) for name in skae.callbacks.__all__]
PICTURES = ["plot", "save_gif"]  # methods that skorch does not call
DISPLAYS = [getattr(skae.displays, name) for name in skae.displays.__all__]
METHODS = [
    pytest.param(method, id=f"{owner.__name__}.{name}")
    for owner in OWNERS
    for name, method in vars(owner).items()
    if not name.startswith("_") and callable(method) and name != "summary"
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

# What CONTRIBUTING's glossary replaces. A space matches any white space.
AVOIDED = [
    r"(is|are|was|were) not there",
    r"is not what it must be",
    r"lea(ve|ves|ving|ft) the finite numbers",
    r"numbers of (the|a) codes?",
    r"space of (the )?codes",
    r"manners",
    r"rows that (come|are held)",
    r"rows held out to",
    r"(go|goes|going|went|gone) on",
    r"restor(e|es|ing|ed) (rows|samples|images|them|digits)",
    r"restored (rows|samples|images|digits)",
    r"com(e|es|ing) by",
    r"com(e|es|ing) back",
    r"anew",
    r"besides",
    r"press(es|ed)? (rows|samples|images|them) through",
    r"what codes are distributed like",
    r"how usual",
    r"the more usual",
    r"want(s)? (MinMaxScaler|StandardScaler|images)",
    r"stands (wherever|beside|behind)",
    r"twin of",
    r"(is|are) no matter",
    r"looks? at each batch",
    r"gradients that are too long",
    r"stopping early",
    r"expected as many",
    r"says? nothing of",
    r"shines through",
    r"gives its place up",
    r"in earnest",
]
PROSE = [
    ROOT / "README.md",
    *sorted((ROOT / "skae").rglob("*.py")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*.py")),
    ROOT / "examples" / "GALLERY_HEADER.rst",
]


def public_parameters(function):
    """Return the parameters of a function or of a class, without self."""
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    }


def documentation_faults(documented):
    """Return what a docstring omits or gets wrong about its parameters."""
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
    assert {"encoder_", "decoder_", "module_", "history_", "n_iter_"} <= fitted
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


@pytest.mark.parametrize(
    ("estimator", "own"),
    [
        (skae.BaseAutoencoder, []),
        (skae.BaseVariationalAutoencoder, []),
        (skae.DenseAutoencoder, ["hidden_layer_sizes"]),
        (skae.DenseVariationalAutoencoder, ["hidden_layer_sizes"]),
        (skae.ConvAutoencoder, ["image_shape", "conv_channels"]),
        (skae.ConvVariationalAutoencoder, ["image_shape", "conv_channels"]),
    ],
)
def test_the_parameters_that_most_people_need_come_first(estimator, own):
    expected = ["n_components", *own, *FIRST_PARAMETERS]
    for documented in (estimator, estimator.__init__):
        assert list(public_parameters(documented))[: len(expected)] == expected
    sections = NumpyDocString(inspect.getdoc(estimator))
    names = [parameter.name for parameter in sections["Parameters"]]
    assert names[: len(expected)] == expected


@pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS[2:])  # without the base classes
def test_the_documented_attributes_are_those_of_a_fitted_estimator(estimator, digits):
    frame = pd.DataFrame(digits, columns=[f"pixel{i}" for i in range(64)])
    fitted = estimator(2, max_epochs=1, random_state=0).fit(frame)
    public = {name for name in dir(fitted) if name.endswith("_") and name[0] != "_"}
    sections = NumpyDocString(inspect.getdoc(estimator))
    documented = {attribute.name for attribute in sections["Attributes"]}
    assert documented == public


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


@pytest.mark.parametrize(
    "function",
    [skae.saving.save_model, skae.saving.load_model, skae.BaseAutoencoder.to_onnx],
)
def test_functions_for_files_document_their_parameters(function):
    assert documentation_faults(function) == []
    sections = NumpyDocString(inspect.getdoc(function))
    assert sections["Raises"]
    assert sections["Examples"]


def test_the_summary_documents_what_it_returns():
    assert documentation_faults(skae.BaseAutoencoder.summary) == []
    sections = NumpyDocString(inspect.getdoc(skae.BaseAutoencoder.summary))
    assert sections["Returns"][0].type == "str"
    assert sections["Examples"]


@pytest.mark.parametrize("callback", CALLBACKS)
def test_a_callback_documents_its_parameters_and_attributes(callback):
    pictures = [method for name, method in vars(callback).items() if name in PICTURES]
    assert len(pictures) == len(PICTURES)
    assert [documentation_faults(f) for f in (callback, *pictures)] == [[]] * 3
    sections = NumpyDocString(inspect.getdoc(callback))
    assert sections["Attributes"]
    assert sections["Examples"]


@pytest.mark.parametrize("density", DENSITIES)
def test_a_density_documents_its_parameters_and_attributes(density):
    assert documentation_faults(density) == []
    sections = NumpyDocString(inspect.getdoc(density))
    described = {attribute.name for attribute in sections["Attributes"]}
    params = (
        {"flow": skae.nn.CouplingFlow(2, 1, 4)} if density.__name__ == "FlowPrior" else {}
    )
    X = pd.DataFrame([[0.0, 1.0], [1.0, 0.0], [3.0, 2.0]], columns=["a", "b"])
    fitted = density(**params).fit(X)
    public = {name for name in dir(fitted) if name.endswith("_") and name[0] != "_"}
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


# --- words ------------------------------------------------------------------------


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_words_of_the_glossary_are_used(page):
    text = page.read_text()
    found = [
        f"line {text[: match.start()].count(chr(10)) + 1}: {match.group()}"
        for phrase in AVOIDED
        for match in re.finditer(rf"\b{phrase}\b".replace(" ", r"\s+"), text, re.I)
    ]
    assert found == []


def test_a_phrase_to_avoid_is_found_across_lines():
    pattern = rf"\b{AVOIDED[0]}\b".replace(" ", r"\s+")
    assert re.search(pattern, "the device is\n    not there:")
    assert not re.search(pattern, "this is not therefore")


# --- code in the documentation ----------------------------------------------------


@pytest.fixture
def quick_and_tidy(monkeypatch, tmp_path):
    """Few epochs, a data home with tiny files, and a temporary working directory."""
    write_idx(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))
    monkeypatch.setattr(schedules, "MAX_EPOCHS_OF_SMALL", 1)
    monkeypatch.setattr(schedules, "MAX_EPOCHS", 1)
    monkeypatch.setattr(schedules, "MIN_STEPS", 1)
    monkeypatch.setattr(schedules, "MIN_EPOCHS", 1)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name, quick_and_tidy):
    results = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert results.failed == 0


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda module: module.__name__)
def test_public_names_have_examples(module):
    """All but warnings, named tuples of results, and modules without training."""
    without = {
        name for name in module.__all__ if ">>> " not in getattr(module, name).__doc__
    }
    exceptions = {
        "skae.exceptions": {name for name in module.__all__ if name.endswith("Warning")},
        "skae.metrics": {"ClassCoverage", "PrecisionRecall"},
        "skae.nn": set(skae.nn.__all__) - {"CouplingFlow"},
    }
    assert without == exceptions.get(module.__name__, set())


def pages():
    """Return the pages with their blocks of Python code."""
    built = {"_build", "api", "gallery"}
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {
        page: re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
        for page in found
        if not built & set(page.relative_to(ROOT).parts)
    }


BLOCKS = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page, blocks in pages().items()
    for number, code in enumerate(blocks)
]


def wrong_shapes(code):
    """Run a block of code; return the comments with a shape that is not the result's.

    Such a comment is "# (1797, 8)" after an assignment or an expression; a name in it,
    as in "# (n_samples, 8)", is any number.
    """
    namespace, wrong = {}, []
    for node in ast.parse(code).body:
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), "page", "eval"), namespace)
            shapes = [getattr(value, "shape", value)]
        else:
            exec(compile(ast.Module([node], []), "page", "exec"), namespace)
            targets = [n for t in getattr(node, "targets", []) for n in ast.walk(t)]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            shapes = [getattr(namespace[name], "shape", None) for name in names]
        line = code.splitlines()[node.end_lineno - 1]
        comment = re.search(r"# \(([\w, ]+)\)", line)
        if comment is None:
            continue
        expected = [side for side in re.split(r",\s*", comment.group(1)) if side]
        for shape in shapes:
            is_right = isinstance(shape, tuple) and len(shape) == len(expected)
            if not is_right or any(
                text.isdigit() and int(text) != side
                for text, side in zip(expected, shape, strict=True)
            ):
                wrong.append(f"{line.strip()}: {shape}")
    return wrong


@pytest.mark.parametrize("code", BLOCKS)
def test_code_of_a_page_runs_and_its_shapes_are_right(code, quick_and_tidy):
    if "sklearn.callback" in code:  # from scikit-learn 1.9
        pytest.importorskip("sklearn.callback")
    assert wrong_shapes(code) == []


@pytest.mark.parametrize(
    ("code", "n_wrong"),
    [
        ("import numpy as np\nX = np.ones((2, 3))  # (2, 3)", 0),
        ("import numpy as np\nX = np.ones((2, 3))  # (n_samples, 3)", 0),
        ("import numpy as np\nX = np.ones((2, 3))  # (2, 4), ones", 1),
        ("import numpy as np\nnp.ones((2, 3)).shape  # (2, 3, 1)", 1),
        ("import numpy as np\na, b = np.ones((2, 2, 3))  # (2, 4) each", 2),
    ],
)
def test_a_wrong_shape_on_a_page_is_found(code, n_wrong):
    assert len(wrong_shapes(code)) == n_wrong


def test_pages_that_explain_an_estimator_have_code():
    with_code = {page.stem for page, blocks in pages().items() if blocks}
    topics = {"README", "index", "getting_started", "own_architecture", "variational"}
    assert topics <= with_code
    assert sum(len(blocks) for blocks in pages().values()) >= 30
