"""Pictures of autoencoders, as scikit-learn's Display objects."""

from skae.displays.architecture import ArchitectureDisplay
from skae.displays.decoded import InterpolationDisplay, LatentGridDisplay
from skae.displays.generated import SampleDisplay
from skae.displays.histograms import LatentHistogramDisplay
from skae.displays.progress import ReconstructionProgressDisplay
from skae.displays.reconstructed import ReconstructionDisplay
from skae.displays.scatter import LatentScatterDisplay
from skae.displays.training import LossCurveDisplay

__all__ = [
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
