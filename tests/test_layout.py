"""The layout: which package imports which, what is public, and the path of X."""

import ast
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import pytest
from helpers import small_dense

import skae
from skae._data.rows import Rows

FOLDER = pathlib.Path(skae.__file__).parent
API_PAGE = FOLDER.parent / "docs" / "api.md"

# From the bottom up: a part of skae, a package or a single module, imports only from
# levels below its own.
LEVELS = [
    {
        "_callback_tasks",
        "exceptions",
        "_docstrings",
        "_random",
        "_types",
        "_validation",
        "_version",
    },
    {"nn", "_data", "_saving"},
    {
        "datasets",
        "densities",
        "metrics",
        "_onnx",
        "_output_range",
        "_principal_axes",
        "_quality",
        "_sampling",
        "_training",
    },
    {"_parameters", "_saved_estimator", "_detection"},
    {"_base"},
    {"_variational"},
    {"_dense", "_conv"},
    {"_detector"},
    {"displays"},
    {"callbacks", "saving"},
]
LEVEL_OF = {part: level for level, parts in enumerate(LEVELS) for part in parts}

# Third-party packages, and the parts of skae that may import them.
ONLY_IN = {
    "skorch": {"_training", "_saving", "callbacks"},
    "tqdm": {"_training"},
    "dask": {"_data"},
    "matplotlib": {"displays", "callbacks"},
    "torchvision": {"datasets"},
}
HEAVY = {"dask", "matplotlib", "torchvision", "pandas"}

# Packages that work with estimators as a user does.
USERS = {"displays", "callbacks", "metrics"}

# Packages whose public names are those of their __init__: their modules are private.
PRIVATE_INSIDE = {"skae.nn"}


def module_names():
    paths = [path.relative_to(FOLDER.parent) for path in FOLDER.rglob("*.py")]
    names = [".".join(path.with_suffix("").parts) for path in paths]
    return sorted(name.removesuffix(".__init__") for name in names)


MODULES = module_names()


def tree_of(module):
    path = FOLDER.parent / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text())


def imported(module):
    """Yield the modules that a module imports, with whether at its top level."""
    tree = tree_of(module)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in full]
        for name in names:
            yield name, node in tree.body


def part_of(module):
    """Return the package or single module of skae that a module belongs to."""
    return module.split(".")[1] if "." in module else module


# --- imports -------------------------------------------------------------------


def test_every_part_of_skae_has_a_level():
    assert {part_of(module) for module in MODULES if module != "skae"} == set(LEVEL_OF)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "skae"])
def test_imports_run_downward_between_packages(module):
    own = part_of(module)
    parts = {part_of(name) for name, _ in imported(module) if name.startswith("skae.")}
    upward = {part for part in parts - {own} if LEVEL_OF[part] >= LEVEL_OF[own]}
    assert upward == set()


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_third_party_package_is_imported_only_where_it_belongs(package):
    users = {
        part_of(module)
        for module in MODULES
        for name, _ in imported(module)
        if name.split(".")[0] == package
    }
    assert users <= ONLY_IN[package]


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_inside_functions(module):
    at_the_top = {name.split(".")[0] for name, at_top in imported(module) if at_top}
    assert at_the_top & HEAVY == set()


def test_importing_skae_does_not_import_heavy_packages():
    heavy = HEAVY - {"pandas"}  # which other packages may import
    heavy |= {"sklearn.decomposition", "sklearn.cluster", "sklearn.neighbors"}
    script = f"import sys, skae; print({heavy} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m != "skae" and part_of(m) in USERS]
)
def test_displays_callbacks_and_metrics_use_public_names_of_estimators(module):
    private = {
        node.attr
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert private == set()


# --- what is public ------------------------------------------------------------


def documented_names():
    """Return the public names of each module that docs/api.md lists."""
    names, module = {}, None
    for line in API_PAGE.read_text().splitlines():
        if current := re.match(r"\.\. currentmodule:: (\S+)$", line):
            module = current.group(1)
            names.setdefault(module, [])
        elif entry := re.match(r" {3}(\w+)$", line):
            names[module].append(entry.group(1))
        elif entry := re.match(r"\.\. py:data:: skae\.(\w+)$", line):
            names["skae"].append(entry.group(1))
    return names


def test_the_public_names_of_skae_are_those_of_the_reference():
    public = {name for name in dir(skae) if not name.startswith("__")}
    assert public == set(skae.__all__)
    documented = documented_names()
    modules = {name.split(".")[1] for name in documented if name != "skae"}
    assert set(documented["skae"]) | modules == public
    assert set(documented["skae"]) & modules == set()


@pytest.mark.parametrize("module", sorted(documented_names()))
def test_the_reference_lists_the_public_names_of_a_module(module):
    documented = documented_names()[module]
    assert len(documented) == len(set(documented))
    names = set(importlib.import_module(module).__all__)
    if module == "skae":
        names = {name for name in names if not inspect.ismodule(getattr(skae, name))}
    assert set(documented) == names


@pytest.mark.parametrize("module", sorted(documented_names()))
def test_public_names_have_docstrings(module):
    module = importlib.import_module(module)
    without = [name for name in module.__all__ if not getattr(module, name).__doc__]
    assert without == []


def test_a_module_without_an_underscore_is_public():
    """It is in the reference, or in a package that is private."""
    documented = documented_names()
    unclear = [
        name
        for name in MODULES
        if not any(part.startswith("_") for part in name.split("."))
        and name not in documented
        and name.rpartition(".")[0] not in PRIVATE_INSIDE
    ]
    assert unclear == []


# --- the path of X -------------------------------------------------------------


def modules_on_the_path(call, engine):
    """Return the modules of skae whose functions get X or rows before the engine."""
    modules, arrived = set(), []

    def profile(frame, event, argument):
        module = frame.f_globals.get("__name__", "")
        if event != "call" or arrived or not module.startswith("skae."):
            return
        if module == engine:
            arrived.append(module)
        names = set(frame.f_code.co_varnames)
        if names & {"X", "rows"} or isinstance(frame.f_locals.get("self"), Rows):
            modules.add(module)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    assert arrived == [engine]
    return modules - {engine}


def test_x_passes_few_modules_before_the_engine(digits):
    ae = small_dense()
    modules = modules_on_the_path(lambda: ae.fit(digits), "skae._training.net")
    assert {"skae._base", "skae._data.check", "skae._data.rows"} <= modules
    assert len(modules) <= 5


@pytest.mark.parametrize(
    "method", ["transform", "reconstruct", "score_samples", "score", "latent_log_density"]
)
def test_x_passes_few_modules_before_it_is_encoded(digits, method):
    ae = small_dense().fit(digits)
    modules = modules_on_the_path(
        lambda: getattr(ae, method)(digits), "skae._training.inference"
    )
    assert {"skae._base", "skae._data.check", "skae._data.rows"} <= modules
    assert len(modules) <= 3
