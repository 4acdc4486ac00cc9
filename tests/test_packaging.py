"""The package: its metadata, its README on an index, the scripts of a release."""

import inspect
import pathlib
import re
import runpy
import subprocess
import sys
import tomllib

import pytest
import yaml
from numpydoc.validate import validate

import skae

ROOT = pathlib.Path(skae.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def script(name):
    """Return the names of a script in .ci."""
    return runpy.run_path(str(ROOT / ".ci" / name))


def recipe():
    return yaml.safe_load((ROOT / ".ci" / "conda" / "recipe.yaml").read_text())


# --- one version, one address ------------------------------------------------------


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    versions = {str(citation["version"]), recipe()["context"]["version"]}
    assert versions == {skae.__version__}


@pytest.mark.parametrize(
    "path",
    ["CITATION.cff", "SECURITY.md", ".ci/conda/recipe.yaml"]
    + [".github/ISSUE_TEMPLATE/config.yml"],
)
def test_the_repository_is_the_same_everywhere(path):
    found = re.findall(r"https://github\.com/[\w.-]+/skae", (ROOT / path).read_text())
    assert set(found) == {REPOSITORY}


def test_the_conda_recipe_has_the_dependencies_of_the_package():
    expected = set()
    for dependency in PROJECT["dependencies"]:
        name, version = dependency.split(">=")
        expected.add(f"{CONDA_NAMES.get(name, name)} >={version}")
    python = "python >=${{ python_min }}"
    assert set(recipe()["requirements"]["run"]) == {*expected, python}
    assert PROJECT["requires-python"] == f">={recipe()['context']['python_min']}"


def test_the_extras_for_users_are_tested():
    extras = PROJECT["optional-dependencies"]
    for extra in ("safetensors", "skops", "onnx"):
        assert set(extras[extra]) <= set(extras["test"])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_the_forms_for_issues_are_complete(form):
    content = yaml.safe_load(form.read_text())
    if form.stem == "config":
        assert all({"name", "url", "about"} == set(c) for c in content["contact_links"])
        return
    assert {"name", "description", "body"} <= set(content)
    labels = [field["attributes"]["label"] for field in content["body"]]
    assert len(set(labels)) == len(labels) > 0


# --- the README on a package index --------------------------------------------------


def test_the_readme_of_the_package_has_absolute_links_to_pages_that_exist():
    links = script("links.py")
    pages, found = links["PAGES"], links["readme_links"]()
    assert len(found) > 20
    assert [link for link in found if not link.startswith("https://")] == []
    inside = [link.removeprefix(pages) for link in found if link.startswith(pages)]
    sources = {
        "_static": lambda path: ROOT / "docs" / "images" / path.name,
        "gallery": lambda path: (ROOT / "examples" / path.name).with_suffix(".py"),
    }
    for link in inside:
        path = pathlib.PurePosixPath(link.partition("#")[0])
        source = (ROOT / "docs" / path).with_suffix(".md")
        if path.parts[0] in sources:
            source = sources[path.parts[0]](path)
        assert source.is_file(), link


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#here">b</a>')
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="a.html#no">a</a>')
    (tmp_path / "index.html").write_text('<img src="c.png"><a href="a.html#top"></a>')
    broken = [
        link
        for link in script("links.py")["broken_links"](tmp_path)
        if not link.startswith("README")
    ]
    assert broken == ["b.html: a.html#no", "index.html: c.png"]


# --- a release ----------------------------------------------------------------------


def release_faults(repository=REPOSITORY, tag=f"v{skae.__version__}"):
    server, name = re.fullmatch(r"(https://[\w.]+)/(.+)", repository).groups()
    environment = {
        "GITHUB_SERVER_URL": server,
        "GITHUB_REPOSITORY": name,
        "GITHUB_REF_TYPE": "tag",
        "GITHUB_REF_NAME": tag,
    }
    faults = list(script("release.py")["faults"](environment))
    return [fault for fault in faults if not fault.startswith("CHANGELOG.md")]


def test_a_release_has_the_tag_of_the_version_and_is_made_in_the_repository():
    assert release_faults() == []
    [fault] = release_faults(tag="v9.9.9")
    assert "must be v" + skae.__version__ in fault
    [fault] = release_faults(repository="https://github.com/another/skae")
    assert REPOSITORY in fault


def test_the_smoke_test_refuses_skae_that_is_not_installed(tmp_path):
    result = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "smoke.py")],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "is not installed" in result.stderr


# --- docstrings, by numpydoc with the settings of scikit-learn -----------------------

# scikit-learn names what a function returns, and asks for a longer summary, related
# names and examples of classes that users create only.
IGNORED = {"RT02", "GL01", "GL02"}
OF_CLASSES = {"ES01", "SA01", "EX01"}
USED_AS_RESULTS = {"ClassCoverage", "PrecisionRecall"}  # whose fields are attributes


def documented():
    """Return the dotted names of the public classes, methods and functions."""
    names = []
    modules = [skae, *filter(inspect.ismodule, (getattr(skae, n) for n in skae.__all__))]
    for module in modules:
        for name in module.__all__:
            public = getattr(module, name)
            if not callable(public):
                continue
            names.append(f"{module.__name__}.{name}")
            for method in dir(public) if inspect.isclass(public) else []:
                owner = inspect.getattr_static(public, method)
                function = getattr(owner, "fget", None) or getattr(public, method)
                source = getattr(function, "__module__", None) or ""
                if method[0] != "_" and source.startswith("skae"):
                    names.append(f"{module.__name__}.{name}.{method}")
    return names


def findings(name):
    owner = name.split(".")[1]
    is_class = name.count(".") <= 2 and name.rpartition(".")[2][0].isupper()
    relaxed = owner in ("nn", "exceptions", "metrics")
    for code, message in validate(name)["errors"]:
        if code in IGNORED or (code in OF_CLASSES and (relaxed or not is_class)):
            continue
        if code == "PR01" and name.rpartition(".")[2] in USED_AS_RESULTS:
            continue
        yield f"{code}: {message}"


def test_many_names_are_validated():
    assert len(documented()) > 250
    assert "skae.DenseAutoencoder.transform" in documented()


@pytest.mark.parametrize("name", documented())
def test_numpydoc_finds_nothing(name):
    assert list(findings(name)) == []
