"""Plots of the results, in colours for colour-blind readers (Okabe and Ito 2008)."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from bars import bar_for
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter
from peers import label
from work_growth import slope

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
GROWTH_LABELS = {
    "n_rows": "samples",
    "n_features": "features",
    "n_components": "components",
    "max_epochs": "epochs",
}


def plot_epochs(result, path):
    """Plot the time of an epoch of each peer relative to skae, with quartiles."""
    ratios = [
        ratio
        for ratio in result["figures"]["epochs"]
        if ratio["name"].startswith("skae / ") and "stands_for" not in ratio
    ]
    ratios.sort(key=lambda ratio: ratio["ratio"])
    figure, ax = plt.subplots(figsize=(8, 1.8 + 0.38 * len(ratios)), layout="constrained")
    for i, ratio in enumerate(ratios):
        times = 1 / ratio["ratio"]
        whiskers = [[times - 1 / ratio["high"]], [1 / ratio["low"] - times]]
        ax.errorbar(times, i, xerr=whiskers, fmt="o", color=BLUE, capsize=3)
        ax.annotate(
            f"{times:.2f}", (times, i), (0, 7), textcoords="offset points", ha="center"
        )
        bar = bar_for(result["work"], result["dataset"], ratio["name"])
        if bar is not None:
            ax.plot(1 / bar.value, i, "|", color=ORANGE, markersize=18)
    ax.plot([], [], "o", color=BLUE, label="median and quartiles")
    ax.plot([], [], "|", color=ORANGE, markersize=12, label="target")
    ax.axvline(1, color=GREY, linewidth=1, label="skae")
    _finish_epochs(ax, ratios, result)
    _save(figure, path)


def _finish_epochs(ax, ratios, result):
    names = [label(ratio["name"].split(" / ")[1]) for ratio in ratios]
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(0.5, 1.0, 2.0)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) - 0.2)
    ax.set_xlabel("time of an epoch relative to skae")
    ax.set_title(f"{result['work']} recipe, {result['dataset']}")
    ax.grid(axis="x", alpha=0.3)
    ax.figure.legend(loc="outside lower center", ncols=3, frameon=False)


def plot_quality(result, path):
    """Plot the test error against the seconds of a fit."""
    figures = result["figures"]
    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    tried = figures["tried"]
    ax.plot(
        [fit["seconds"] for fit in tried],
        [fit["test_error"] for fit in tried],
        "o",
        color=BLUE,
        label="skae, fits of 1, 2, ... epochs",
    )
    for (name, fit), marker in zip(figures["keras"].items(), "s^", strict=False):
        ax.plot(
            fit["seconds"],
            fit["test_error"],
            marker,
            color=ORANGE,
            markersize=9,
            label=f"{label(name)}, {fit['epochs']} epochs",
        )
    target = figures["target"]
    ax.axhline(target, color=GREY, linewidth=1, label=f"target, {target:.5f}")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="seconds of a complete fit",
        ylabel="mean squared error, test samples",
        title=f"Time to quality, {result['dataset']}",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.grid(alpha=0.3, which="both")
    ax.legend()
    _save(figure, path)


def plot_growth(result, path):
    """Plot seconds and bytes against each size, with slopes of the larger half."""
    curves = result["figures"]["curves"]
    figure, axes = plt.subplots(
        2,
        len(curves),
        figsize=(3.2 * len(curves), 6),
        sharey="row",
        layout="constrained",
    )
    rows = (
        ("seconds", 1, "seconds of a fit", BLUE),
        ("bytes", 1e-6, "peak memory without X, MB", GREEN),
    )
    for row_axes, (unit, factor, title, colour) in zip(axes, rows, strict=True):
        for ax, (axis, curve) in zip(row_axes, curves.items(), strict=True):
            values = [factor * value for value in curve[unit]]
            exponent = slope(curve["values"], values)
            ax.loglog(
                curve["values"], values, "o-", color=colour, label=f"slope {exponent:.2f}"
            )
            ax.set_xlabel(GROWTH_LABELS[axis])
            ticks = curve["values"][::2]
            ax.set_xticks(ticks, [EngFormatter(sep="")(tick) for tick in ticks])
            ax.minorticks_off()
            ax.grid(alpha=0.3)
            ax.legend()
        row_axes[0].set_ylabel(title)
        row_axes[0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        row_axes[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    figure.suptitle("Time and memory of a fit; slopes of the larger half of each curve")
    _save(figure, path)


def _save(figure, path):
    figure.savefig(path, dpi=130)
    plt.close(figure)
