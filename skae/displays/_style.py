"""Colours, markers and axes that all displays share."""

import math

# Okabe and Ito (2008), "Color universal design", for lines and bars: told apart with
# any colour vision, and dark enough for white paper.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#882255",
)
LINES = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
GREY = "#767676"

# Tol (2021), "Colour schemes", muted, for classes; the last is a dark grey instead of
# his pale one, which white paper would hide. Markers tell what print in grey cannot.
CLASSES = (
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#444444",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")


def class_style(i):
    """Colour and marker of the i-th class; the pair repeats after 110 classes."""
    return {"color": CLASSES[i % len(CLASSES)], "marker": MARKERS[i % len(MARKERS)]}


def axes_for(ax, size, projection=None):
    """The figure and axes to draw in: those given, or new ones of `size` inches."""
    if ax is not None:
        return ax.figure, ax
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot(projection=projection)


def panels(ax, n_panels, size):
    """The figure, the axes given or new ones, small axes in their place, and a strip.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Gives its place up and is hidden. It must come from a grid, as those of
        ``plt.subplots`` do.
    n_panels : int
    size : tuple of float
        Of one panel, in inches.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes
    small : list of matplotlib Axes
    strip : matplotlib Axes
        Without axes lines, above all of them: for a legend.
    """
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    n_columns = min(n_panels, 3)
    n_lines = math.ceil(n_panels / n_columns)
    size = max(size[0] * n_columns, 3.2), size[1] * n_lines + 0.4
    figure, ax = axes_for(ax, size)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax has no place in a grid, which several small axes could take. Make it "
            "with plt.subplots() or figure.add_subplot(), or leave ax out."
        )
    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(
        n_lines + 1, n_columns, subplot_spec=place, height_ratios=[0.15] + [1] * n_lines
    )
    strip = figure.add_subplot(grid[0, :])
    strip.set_axis_off()
    places = [grid[1 + i // n_columns, i % n_columns] for i in range(n_panels)]
    return figure, ax, [figure.add_subplot(place) for place in places], strip


def merged(defaults, given):
    """The keyword arguments of an artist: our own, and above them the user's."""
    return {**defaults, **(given or {})}
