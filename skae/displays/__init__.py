"""Pictures of autoencoders, as scikit-learn's Display objects."""

from skae.displays.decoded import InterpolationDisplay, LatentGridDisplay
from skae.displays.generated import SampleDisplay
from skae.displays.histograms import LatentHistogramDisplay
from skae.displays.reconstructed import ReconstructionDisplay
from skae.displays.scatter import LatentScatterDisplay
from skae.displays.training import LossCurveDisplay

__all__ = [
    "InterpolationDisplay",
    "LatentGridDisplay",
    "LatentHistogramDisplay",
    "LatentScatterDisplay",
    "LossCurveDisplay",
    "ReconstructionDisplay",
    "SampleDisplay",
]
