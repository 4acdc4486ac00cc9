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
    {"architecture", "gradients", "metrics", "rules", "sampling", "validation"},
    {"engine", "variational"},
    {"base"},
    {"dense", "conv"},
    {"displays.given", "displays.style"},
    {"displays.images", "displays.lines"},
    {
        "displays.architecture",
        "displays.generated",
        "displays.histograms",
        "displays.progress",
        "displays.reconstructed",
        "displays.scatter",
        "displays.training",
    },
    {"callbacks", "displays.decoded"},
    {"displays"},
    {"__init__"},
]
ONLY_IN = {
    "skorch": {"callbacks", "engine", "fit_callbacks"},
    "matplotlib": {
        module for layer in LAYERS for module in layer if "displays" in module
    },
    "torchvision": {"datasets"},
}
PACKAGES = ["skae", "skae.displays"]


def path_of(module):
    path = FOLDER / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imports(module):
    """Modules that a module of skae imports, with whether at its top level."""
    tree = ast.parse(path_of(module).read_text())
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
            if node.module in PACKAGES:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield name, node in tree.body


def modules():
    """Of the package; of one below it, also its modules."""
    paths = [path.relative_to(FOLDER).with_suffix("") for path in FOLDER.rglob("*.py")]
    names = [".".join(path.parts) for path in paths]
    return sorted(name.removesuffix(".__init__") for name in names)


def test_every_module_has_a_layer():
    assert set(modules()) == set().union(*LAYERS)


@pytest.mark.parametrize("module", modules())
def test_imports_run_downward_only(module):
    level = next(i for i, layer in enumerate(LAYERS) if module in layer)
    below = set().union(*LAYERS[:level])
    inside = {name[5:] for name, _ in imports(module) if name.startswith("skae.")}
    assert inside <= below


@pytest.mark.parametrize(
    "module", [m for m in modules() if "displays" in m or m in ("callbacks", "metrics")]
)
def test_what_looks_at_estimators_uses_their_public_names_only(module):
    private = [
        node.attr
        for node in ast.walk(ast.parse(path_of(module).read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    assert private == []


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
    text = path_of(module).read_text()
    assert text.count("\n") < 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{module}.{node.name} has {length} lines"
