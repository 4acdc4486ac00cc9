"""The targets of the benchmarks, called bars."""

import dataclasses
import operator


@dataclasses.dataclass(frozen=True)
class Bar:
    """A target: a limit for a measured value.

    Parameters
    ----------
    value : float
        The limit.
    relation : {"≤", "≥"}
        Relation of a measured value that meets the target to the limit.
    field : {"ratio", "seconds", "bytes"}
        The figure of a measurement that the target applies to.
    """

    value: float
    relation: str = "≤"
    field: str = "ratio"

    def is_met(self, measured):
        """Return whether a measured value meets the target."""
        return {"≤": operator.le, "≥": operator.ge}[self.relation](measured, self.value)

    def show(self, measured):
        """Return the target, and whether a measured value meets it, for a table."""
        units = {"seconds": (1e3, " ms"), "bytes": (1e-6, " MB"), "ratio": (1, "")}
        factor, unit = units[self.field]
        verdict = "met" if self.is_met(measured) else "**missed**"
        return f"{self.relation} {self.value * factor:g}{unit}: {verdict}"


BARS = {
    ("dense", "skae / best torch loop"): Bar(1.03),
    ("dense", "skae / skorch"): Bar(0.55),
    ("dense", "skae / keras-tensorflow"): Bar(0.5),
    ("dense", "skae / sklearn-mlp"): Bar(0.3),
    ("dense", "product-square / skae"): Bar(0.8, "≥"),
    ("conv", "skae / best plain torch"): Bar(0.6),
    ("conv", "skae / keras-tensorflow"): Bar(0.6),
    ("conv", "skae-bfloat16 / keras-tensorflow"): Bar(0.4),
    ("quality", "skae / fastest Keras"): Bar(0.1),
    ("small", "skae / PCA, 150 x 4, one epoch"): Bar(0.005, field="seconds"),
    ("grid_search", "n_jobs=2 / n_jobs=1, first search"): Bar(0.6),
    ("grid_search", "n_jobs=2 / n_jobs=1, workers running"): Bar(0.6),
    ("memory", "array"): Bar(200e6, field="bytes"),
} | {
    ("transform", f"dense, {method} / bare torch in {pieces}"): Bar(1.05)
    for method in ("transform", "inverse_transform")
    for pieces in ("one piece", "the best chunks")
}


def bar_for(work, dataset, name):
    """Return the target of a figure, or None. There are no targets for the digits."""
    return None if dataset == "digits" else BARS.get((work, name))
