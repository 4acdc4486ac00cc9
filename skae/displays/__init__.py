"""Plots of autoencoders, with the API of scikit-learn's displays."""

from skae.displays._anomalies import AnomalyDisplay
from skae.displays._architecture import ArchitectureDisplay
from skae.displays._decoded import InterpolationDisplay, LatentGridDisplay
from skae.displays._generated import SampleDisplay
from skae.displays._histograms import LatentHistogramDisplay
from skae.displays._progress import ReconstructionProgressDisplay
from skae.displays._reconstructed import ReconstructionDisplay
from skae.displays._scatter import LatentScatterDisplay
from skae.displays._training import LossCurveDisplay

__all__ = [
    "AnomalyDisplay",
    "ArchitectureDisplay",
    "InterpolationDisplay",
    "LatentGridDisplay",
    "LatentHistogramDisplay",
    "LatentScatterDisplay",
    "LossCurveDisplay",
    "ReconstructionDisplay",
    "ReconstructionProgressDisplay",
    "SampleDisplay",
]
