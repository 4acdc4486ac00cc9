"""The layers: who may import whom, and what only some modules may know."""

import ast
import pathlib
import subprocess
import sys

import pytest

import skae

FOLDER = pathlib.Path(skae.__file__).parent

# From the bottom up: a module imports only from rows above its own.
LAYERS = [
    {
        "array_api",
        "datasets",
        "documentation",
        "exceptions",
        "expectation_maximisation",
        "graphs",
        "optimizers",
        "parameters",
        "precision",
        "schedules",
        "seeding",
        "sources",
    },
    {"batches", "densities", "devices", "fit_callbacks", "networks"},
    {"coders", "flows", "losses", "resuming", "rows"},
    {"gradients", "metrics", "rules", "sampling", "validation", "variational"},
    {"engine"},
    {"base"},
    {"dense", "conv"},
    {"__init__"},
]
ONLY_IN = {
    "skorch": {"callbacks", "engine", "fit_callbacks"},
    "matplotlib": set(),
    "torchvision": {"datasets"},
}


def imports(module):
    """Modules that a module of skae imports, with whether at its top level."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
            if node.module == "skae":
                names = [f"skae.{alias.name}" for alias in node.names]
        for name in names:
            yield name, node in tree.body


def modules():
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def test_every_module_has_a_layer():
    assert set(modules()) == set().union(*LAYERS)


@pytest.mark.parametrize("module", modules())
def test_imports_run_downward_only(module):
    level = next(i for i, layer in enumerate(LAYERS) if module in layer)
    below = set().union(*LAYERS[:level])
    inside = {name.split(".")[1] for name, _ in imports(module) if name[:5] == "skae."}
    assert inside <= below


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_appears_only_where_it_belongs(package):
    using = {
        module
        for module in modules()
        for name, _ in imports(module)
        if name.split(".")[0] == package
    }
    assert using <= ONLY_IN[package]


@pytest.mark.parametrize("module", modules())
def test_heavy_packages_are_imported_inside_functions(module):
    at_the_top = {name.split(".")[0] for name, at_top in imports(module) if at_top}
    assert not at_the_top & {"matplotlib", "torchvision", "pandas"}


def test_importing_skae_imports_neither_matplotlib_nor_torchvision():
    script = (
        "import sys, skae;"
        "print([m for m in ('matplotlib', 'torchvision') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("module", modules())
def test_files_and_functions_stay_small(module):
    text = (FOLDER / f"{module}.py").read_text()
    assert text.count("\n") < 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{module}.{node.name} has {length} lines"
