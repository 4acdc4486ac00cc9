"""Write the results into README.md: tables, plots and the code of the peers.

python docs/benchmarks/report.py

It reads results/*.json and replaces the text between ``<!-- begin NAME -->`` and
``<!-- end NAME -->``. The rest of the page is written by hand.
"""

import argparse
import ast
import json
import pathlib
import re

import plots
from bars import bar_for
from peers import label

FOLDER = pathlib.Path(__file__).parent
PLOTS = {
    "dense": plots.plot_epochs,
    "conv": plots.plot_epochs,
    "quality": plots.plot_quality,
    "growth": plots.plot_growth,
}
ALTERNATIVES = {  # texts for readers who do not see the plots
    "dense": "Time of an epoch of each peer relative to skae, as in the table",
    "conv": "Time of an epoch of each peer relative to skae, as in the table",
    "quality": "Test error of skae and Keras against the seconds of a fit",
    "growth": "Time and memory of a fit against samples, features, components and epochs",
}
RATIOS_HEAD = [
    "",
    "ratio",
    "quartiles",
    "target",
    "seconds",
    "seconds (other)",
    "pairs",
]
CODE = {
    "PyTorch: the tutorial loop and the best loop": (
        "peers_torch.py",
        ["dense_module", "conv_module", "train_as_in_tutorials", "train_at_best"]
        + ["ChannelsLast", "in_channels_last", "TorchPeer"],
    ),
    "Matrix products only": ("peers_torch.py", ["ProductPeer"]),
    "skae": ("peers_skae.py", ["SETTINGS", "make_estimator"]),
    "skorch's default": ("peers_skorch.py", ["SkorchPeer"]),
    "Keras": (
        "peers_keras.py",
        ["COMPILE_CHOICES", "STEPS_CHOICES", "dense_model", "conv_model", "KerasPeer"],
    ),
    "scikit-learn's MLPRegressor": ("peers_sklearn.py", ["MLPPeer"]),
    "PyOD": ("peers_pyod.py", ["PyodPeer"]),
    "pythae": ("peers_pythae.py", ["PythaePeer"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=pathlib.Path, default=FOLDER / "results")
    parser.add_argument("--page", type=pathlib.Path, default=FOLDER / "README.md")
    options = parser.parse_args()
    images = options.page.parent / "images"
    images.mkdir(exist_ok=True)
    page = options.page.read_text()
    for name, text in sections(load_results(options.results), images).items():
        page = replace(page, name, text)
    options.page.write_text(page)


def load_results(folder):
    """Return the results by work, with those on the digits last."""
    results = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: "digits" in path.stem):
        result = json.loads(path.read_text())
        results.setdefault(result["work"], []).append(result)
    return results


def replace(page, name, text):
    """Return the page with `text` between the markers of `name`.

    Raises
    ------
    ValueError
        If the page lacks the markers.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    if not pattern.search(page):
        raise ValueError(f"The page has no {begin!r} ... {end!r}.")
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page)


def sections(results, images):
    """Return the Markdown for each marker, and save the plots that it shows."""
    texts = {"peers": "\n\n".join(code(*entry) for entry in CODE.items())}
    for work, of_work in results.items():
        parts = []
        for result in of_work:
            parts.append(conditions(result))
            parts += TABLES[work](result)
            if work in PLOTS:
                name = "-".join(filter(None, (work, result["dataset"]))) + ".png"
                PLOTS[work](result, images / name)
                parts.append(f"![{ALTERNATIVES[work]}](images/{name})")
        texts[work] = "\n\n".join(part for part in parts if part)
    return texts


# Tables -------------------------------------------------------------------------------


def conditions(result):
    """Describe the machine, the versions and the data set in one sentence."""
    machine = result["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    title = f"**{result['dataset']}.** " if result["dataset"] else ""
    quick = "**A quick run: the figures are meaningless.** " if result["quick"] else ""
    return (
        f"{title}{quick}{machine['date']}, {machine['processor']} "
        f"({machine['instructions']}), {machine['threads']} of {machine['cores']} cores, "
        f"Python {machine['python']}, {versions}."
    )


def table(head, rows):
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def ratios_table(result, ratios):
    """Return a table of paired ratios and their targets."""
    rows = []
    for ratio in ratios:
        bar = bar_for(result["work"], result["dataset"], ratio["name"])
        rows.append(
            [
                title_of(ratio),
                f"**{ratio['ratio']:.3f}**",
                f"{ratio['low']:.3f} to {ratio['high']:.3f}",
                bar.show(ratio[bar.field]) if bar else "",
                number(ratio["seconds"]),
                number(ratio["other_seconds"]),
                ratio["rounds"],
            ]
        )
    return table(RATIOS_HEAD, rows)


def title_of(ratio):
    """Describe the numerator and the denominator of a ratio."""
    title = " / ".join(label(part) for part in ratio["name"].split(" / "))
    if "stands_for" in ratio:
        peer = ratio["stands_for"].split(" / ")[1]
        title += f", here: {label(peer)}"
    return title


def number(value):
    """Format a number with three digits."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def training_tables(result):
    figures = result["figures"]
    shape = f"{figures['n_rows']:,} samples with {figures['n_features']} features"
    texts = [f"Seconds per epoch, {shape}:", ratios_table(result, figures["epochs"])]
    fits = figures["fits"]
    if fits:
        epochs = f"{fits[0]['epochs']} epoch" + "s" * (fits[0]["epochs"] > 1)
        texts += [
            f"Seconds of a complete fit of {epochs}, with setup and compilation:",
            ratios_table(result | {"work": "fits"}, fits),
        ]
    errors = [
        f"{label(name)} {error:.5f}"
        for name, error in figures["test_errors"].items()
        if error is not None
    ]
    texts.append(
        f"Mean squared error on the test samples after this fit: {'; '.join(errors)}."
    )
    texts += [limit_text(figures), options_text(figures), left_out_text(figures)]
    return texts


def limit_text(figures):
    """Describe the rates that give the limit of the matrix products."""
    seconds = {r["name"]: r["other_seconds"] for r in figures["epochs"]}
    limits = {r["name"]: r["seconds"] for r in figures["epochs"]}
    square, recipe = "product-square / skae", "product-recipe / skae"
    if square not in limits or recipe not in limits:
        return ""
    giga = figures["operations_per_epoch"] / 1e9
    return (
        f"The matrix products of an epoch need {giga:.4g} GFLOP. This machine reaches "
        f"{giga / limits[square]:.3g} GFLOP/s for products of 2048 x 2048 matrices and "
        f"{giga / limits[recipe]:.3g} GFLOP/s for products with the shapes of the "
        f"recipe. A complete epoch of skae reaches {giga / seconds[square]:.3g} GFLOP/s."
    )


def options_text(figures):
    """Describe how the Keras models were compiled."""
    options = "; ".join(
        f"{label(name)}: " + ", ".join(f"{k}={v!r}" for k, v in chosen.items())
        for name, chosen in figures["options"].items()
    )
    return f"Fastest compilation options in this run: {options}." if options else ""


def left_out_text(figures):
    """List the peers that were not measured, and why."""
    reasons = [f"{label(k)} ({v})" for k, v in figures["left_out"].items()]
    return f"Not measured: {'; '.join(reasons)}." if reasons else ""


def quality_tables(result):
    figures = result["figures"]
    rows = [
        [label(name), fit["epochs"], f"{fit['test_error']:.5f}", number(fit["seconds"])]
        for name, fit in figures["keras"].items()
    ]
    n_epochs = figures["max_epochs"]
    last = [fit for fit in figures["tried"] if fit["max_epochs"] == n_epochs]
    rows += [
        [
            f"skae, seed {fit['seed']}",
            fit["max_epochs"],
            f"{fit['test_error']:.5f}",
            number(fit["seconds"]),
        ]
        for fit in last
    ]
    return [
        f"The target error is {figures['target']:.5f}. skae reaches it in "
        f"{n_epochs} epoch{'s' * (n_epochs > 1)} with each of three seeds.",
        table(["", "epochs", "mean squared error (test)", "seconds"], rows),
        ratios_table(result, figures["fits"]),
        left_out_text(figures),
    ]


def small_tables(result):
    figures = result["figures"]
    return [ratios_table(result, figures["fits"] + figures["imports"])]


def transform_tables(result):
    figures = result["figures"]
    chunks = "; ".join(f"{k}: {v:,}" for k, v in figures["chunks"].items())
    return [
        ratios_table(result, figures["throughput"] + figures["one_row"]),
        f"Samples per chunk in the best chunks: {chunks}.",
    ]


def grid_search_tables(result):
    return [ratios_table(result, result["figures"]["searches"])]


def memory_tables(result):
    rows = []
    for name, case in result["figures"]["cases"].items():
        size = f"{case['x_bytes'] / 1e6:.0f} MB" if "x_bytes" in case else ""
        limit = f"{case['limit'] / 1e6:.0f} MB" if "limit" in case else "none"
        bar = bar_for("memory", None, name)
        if "error" in case:
            rows.append([name, size, limit, f"failed: {case['error']}", "", ""])
            continue
        in_memory = [
            f"{case[k] / 1e6:.0f} MB" for k in ("fit_anonymous", "transform_anonymous")
        ]
        verdict = bar.show(case["fit"]) if bar else ""
        rows.append([name, size, limit, *in_memory, verdict])
    head = ["X", "size", "memory limit", "fit", "transform", "target"]
    return [table(head, rows)]


def growth_tables(result):
    rows = []
    for axis, curve in result["figures"]["curves"].items():
        fixed = ", ".join(
            f"{v:,} {plots.GROWTH_LABELS[k]}" for k, v in curve["fixed"].items()
        )
        values = f"{curve['values'][0]:,} to {curve['values'][-1]:,}"
        slopes = [f"{curve[f'{unit}_slope']:.2f}" for unit in ("seconds", "bytes")]
        rows.append([plots.GROWTH_LABELS[axis], values, *slopes, fixed])
    head = ["", "range", "slope of time", "slope of memory", "fixed"]
    return [table(head, rows)]


TABLES = {
    "dense": training_tables,
    "conv": training_tables,
    "quality": quality_tables,
    "small": small_tables,
    "transform": transform_tables,
    "grid_search": grid_search_tables,
    "memory": memory_tables,
    "growth": growth_tables,
}


# Code ---------------------------------------------------------------------------------


def code(title, source):
    """Return named parts of a module as a folded block of text."""
    name, wanted = source
    text = (FOLDER / name).read_text()
    parts = [
        ast.get_source_segment(text, node)
        for node in ast.parse(text).body
        if _name(node) in wanted
    ]
    body = "\n\n".join(parts)
    summary = f"{title}: <code>{name}</code>"
    return f"<details><summary>{summary}</summary>\n\n```text\n{body}\n```\n\n</details>"


def _name(node):
    if isinstance(node, ast.Assign):
        return getattr(node.targets[0], "id", None)
    return getattr(node, "name", None)


if __name__ == "__main__":
    main()
