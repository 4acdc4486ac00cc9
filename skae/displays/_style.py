"""Colours, markers and axes of the displays."""

import math

# Okabe and Ito (2008), "Color universal design", for lines and bars. They can be told
# apart with any colour vision, and contrast with a white background.
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

# Tol (2021), "Colour schemes", the muted scheme, for classes. Its pale grey is replaced
# by a dark one, which is visible on white. Markers keep classes apart in greyscale.
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
    """Return colour and marker of the i-th class, unique for up to 110 classes."""
    return {"color": CLASSES[i % len(CLASSES)], "marker": MARKERS[i % len(MARKERS)]}


def axes_for(ax, size, projection="rectilinear"):
    """Return the figure and axes to draw in.

    Parameters
    ----------
    ax : matplotlib Axes or None
        None creates a figure.
    size : tuple of float
        Width and height of a new figure in inches.
    projection : {"rectilinear", "3d"}, default="rectilinear"
        Projection that the plot needs.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes

    Raises
    ------
    TypeError
        If `ax` is not a matplotlib Axes.
    ValueError
        If `ax` has another projection.
    """
    from matplotlib.axes import Axes

    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=size, layout="constrained")
        return figure, figure.add_subplot(projection=projection)
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax is invalid; must be a matplotlib Axes or None, got {type(ax).__name__}. "
            "plt.subplots() returns a figure and its Axes, or an array of Axes: pass one "
            "Axes."
        )
    if (ax.name == "3d") != (projection == "3d"):
        raise ValueError(
            f"ax has the projection {ax.name!r}, but this plot needs {projection!r}. "
            f"Create ax with figure.add_subplot(projection={projection!r}), or omit it."
        )
    return ax.figure, ax


def panels(ax, n_panels, size):
    """Replace axes by a grid of small axes below a strip for a legend.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Hidden; its subplot is reused. It must be part of a grid, like the axes from
        ``plt.subplots``. None creates a figure.
    n_panels : int
        Number of small axes.
    size : tuple of float
        Width and height of one panel in inches.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes
        The hidden axes.
    small : list of matplotlib Axes
    strip : matplotlib Axes
        Without spines and ticks, above the small axes.
    """
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    n_columns = min(n_panels, 3)
    n_lines = math.ceil(n_panels / n_columns)
    size = max(size[0] * n_columns, 3.2), size[1] * n_lines + 0.4
    figure, ax = axes_for(ax, size)
    subplot = ax.get_subplotspec()
    if subplot is None:
        raise ValueError(
            "ax is invalid; must be part of a subplot grid, because several small axes "
            "replace it. Create ax with plt.subplots() or figure.add_subplot(), or omit "
            "it."
        )
    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(
        n_lines + 1,
        n_columns,
        subplot_spec=subplot,
        height_ratios=[0.15] + [1] * n_lines,
    )
    strip = figure.add_subplot(grid[0, :])
    strip.set_axis_off()
    cells = [grid[1 + i // n_columns, i % n_columns] for i in range(n_panels)]
    return figure, ax, [figure.add_subplot(cell) for cell in cells], strip


def merge_kw(defaults, given):
    """Return keyword arguments of an artist; those of the user take precedence."""
    if given is not None and not isinstance(given, dict):
        raise TypeError(
            "Keyword arguments for matplotlib, such as line_kw, must be a dict or None, "
            f"got {given!r}."
        )
    return {**defaults, **(given or {})}
