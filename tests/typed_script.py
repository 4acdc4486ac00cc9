"""A user's script that uses the whole public API: it runs, and type checkers accept it.

``mypy --strict tests/typed_script.py`` reports nothing: no error in correct code, and no
``type: ignore`` without a mistake, at the end.
"""

import pathlib
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import skae
from skae import (
    TRUSTED_TYPES,
    AutoencoderDetector,
    BaseAutoencoder,
    BaseVariationalAutoencoder,
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)
from skae.callbacks import ReconstructionRecorder
from skae.datasets import fetch_images
from skae.densities import (
    DiagonalGaussian,
    FlowPrior,
    Gaussian,
    LatentGaussianMixture,
    LatentKernelDensity,
    StandardNormal,
)
from skae.displays import (
    AnomalyDisplay,
    ArchitectureDisplay,
    InterpolationDisplay,
    LatentGridDisplay,
    LatentHistogramDisplay,
    LatentScatterDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ReconstructionProgressDisplay,
    SampleDisplay,
)
from skae.exceptions import (
    CheckpointWarning,
    ColumnScaleWarning,
    DeviceUnavailableWarning,
    DistributedError,
    ImageShapeWarning,
    LargeNetworkWarning,
    ModelVersionWarning,
    NonFiniteError,
    OutputRangeWarning,
    PosteriorCollapseWarning,
    SavedModelError,
    StopTraining,
)
from skae.metrics import (
    ClassCoverage,
    PrecisionRecall,
    authenticity,
    class_coverage,
    frechet_distance,
    precision_recall,
)
from skae.nn import (
    Autoencoder,
    CouplingFlow,
    Decoder,
    Encoder,
    GaussianEncoder,
    conv_decoder,
    conv_encoder,
    dense_layers,
)
from skae.saving import load_model, save_model

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 4)) @ rng.normal(size=(4, 16))
frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(16)])
version: str = skae.__version__
trusted: list[str] = TRUSTED_TYPES


class LinearAutoencoder(BaseAutoencoder):
    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        encoder = nn.Linear(n_features, self.n_components_)
        return encoder, nn.Linear(self.n_components_, n_features)


class LinearVariationalAutoencoder(BaseVariationalAutoencoder):
    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        encoder = nn.Linear(n_features, 2 * self.n_components_)
        return encoder, nn.Linear(self.n_components_, n_features)


# Estimators ---------------------------------------------------------------------------

ae = DenseAutoencoder(8, max_epochs=5, hidden_layer_sizes=(64,), random_state=0).fit(X)
ae.partial_fit(X.tolist())
ae.fit(torch.from_numpy(X))
DenseAutoencoder(0.95, hidden_layer_sizes=[64, 32], decoder_hidden_layer_sizes=64)
DenseAutoencoder(
    None,
    device=torch.device("cpu"),
    batch_size=32,
    init="random",
    activation="gelu",
    latent_activation="tanh",
    output_activation="sigmoid",
    loss="huber",
    noise="masking",
    noise_level=0.5,
    latent_penalty="l1",
    latent_penalty_weight=1e-2,
    latent_density="kde",
    optimizer="sgd",
    lr_schedule="cosine",
    weight_decay=1e-4,
    max_grad_norm=1.0,
    shuffle=False,
    early_stopping=True,
    validation_fraction=0.2,
    checkpoint=pathlib.Path("folder"),
    callbacks=[("recorder", ReconstructionRecorder(X[:5], max_frames=10))],
    precision="bfloat16",
    distributed=False,
    verbose=1,
)
DenseAutoencoder(optimizer=torch.optim.AdamW, latent_density=LatentGaussianMixture(50))
DenseAutoencoder(
    optimizer=partial(torch.optim.SGD, momentum=0.9), latent_density=GaussianMixture(5)
)
DenseAutoencoder(latent_density=None, random_state=np.random.RandomState(0))
ConvAutoencoder(image_shape=(4, 4), conv_channels=[8], pooling="average", kernel_size=5)
ConvAutoencoder(image_shape=(1, 4, 4), upsampling="transpose", hidden_layer_sizes=())
ConvVariationalAutoencoder(4, beta=2.0, n_flow_layers=4, loss="laplace")
vae = DenseVariationalAutoencoder(4, max_epochs=50, noise="gaussian").fit(X)
LinearAutoencoder(2, max_epochs=1).fit(X)
LinearVariationalAutoencoder(2, loss="gaussian", max_epochs=20).fit(X)
make_pipeline(StandardScaler(), ae).fit(X)

codes: np.ndarray = ae.fit_transform(X)
largest: float = ae.transform(X.astype(np.float32)).max()
shape: tuple[int, ...] = ae.inverse_transform(codes).shape
errors = (ae.reconstruct(X) - X) ** 2
score: float = ae.score(X) + float(ae.score_samples(X).mean())
importances: np.ndarray = ae.feature_importances(X)
samples: np.ndarray = ae.fit_density(X, "gaussian").sample(10, random_state=0)
latent: np.ndarray = ae.sample_latent(10) + ae.density_.sample(10)
log_density: np.ndarray = ae.latent_log_density(X)
paths: np.ndarray = ae.interpolate(X[:3], X[3:6], n_steps=5)
mean, std = vae.posterior(X)
text: str = ae.summary()
onnx_model = ae.to_onnx("score_samples", dtype="float64")
names = ae.get_feature_names_out()
named = ae.set_output(transform="pandas").transform(X)
ae.set_output(transform="default").set_params(lr=1e-3)

# Fitted attributes --------------------------------------------------------------------

n_features: int = ae.n_features_in_ + ae.n_components_ + ae.n_iter_ + ae.n_parameters_
first_name: str = DenseAutoencoder(2, max_epochs=1).fit(frame).feature_names_in_[0]
last_loss: float = ae.loss_curve_[-1]
if ae.validation_loss_curve_ is not None:
    last_loss = ae.validation_loss_curve_[-1]
covariance: np.ndarray = ae.density_.covariance_
if ae.explained_variance_ratio_ > 0.9 and ae.noise_variance_.sum() < 1:
    pass
held_out: float | None = ae.held_out_explained_variance_ratio_
if ae.image_shape_ is not None:
    channels, height, width = ae.image_shape_
device: str = ae.device_ + ae.output_activation_
layers: tuple[int, ...] = ae.hidden_layer_sizes_
shapes: list[tuple[int, ...]] = ae.encoder_shapes_ + ae.decoder_shapes_
losses = ae.history_[:, "train_loss"]
callbacks: list[tuple[str, Any]] = ae.callbacks_
module: Autoencoder = ae.module_
decoded: torch.Tensor = ae.decoder_(ae.encoder_(torch.zeros(1, 16)))
means, log_variances = vae.encoder_.posterior(torch.zeros(1, 16))
most_informative = int(vae.kl_per_component_.argmax()) + vae.n_flow_layers_

# Detector -----------------------------------------------------------------------------

detector = AutoencoderDetector(anomaly_score="residual", contamination=0.1).fit(X)
AutoencoderDetector(ae, contamination="auto", false_alarm_rate=0.01, random_state=0)
AutoencoderDetector(make_pipeline(StandardScaler(), ae), n_neighbors=10)
is_outlier = detector.predict(X) == -1
unusual = int(detector.score_samples(X).argmin())
margin = detector.decision_function(X) + detector.score_samples(X) - detector.offset_
small = detector.p_values(X) < 0.05
selected = detector.select_outliers(X, false_discovery_rate=0.2)
parts = detector.feature_scores(X).sum(axis=1)
original, reconstructed = detector.reconstruct(X)
n_calibration = len(detector.calibration_scores_) + detector.n_features_in_
inner = detector.estimator_.transform(X)

# Densities ----------------------------------------------------------------------------

mixture = LatentGaussianMixture(5, max_iter=8, random_state=0).fit(codes)
drawn: np.ndarray = mixture.sample(3, random_state=0)
log_densities: np.ndarray = mixture.score_samples(codes)
mean_log_density: float = mixture.score(codes)
centres = mixture.means_[mixture.weights_.argmax()] @ mixture.covariances_[0]
bandwidth: float = LatentKernelDensity(0.5).fit(codes).bandwidth_
for density in (Gaussian(), DiagonalGaussian()):
    covariance = density.fit(codes).covariance_
standard = StandardNormal().fit(codes)
prior = FlowPrior(CouplingFlow(n_components=8, n_layers=2, hidden_size=8)).fit(codes)
back: np.ndarray = prior.to_codes(prior.to_base(codes))

# Networks -----------------------------------------------------------------------------

network: nn.Sequential = dense_layers([16, 32, 8], "silu")
encoder = Encoder(network, "identity")
random_encoder = GaussianEncoder(dense_layers([16, 16], "relu"), flow=None)
decoder = Decoder(dense_layers((8, 32, 16), "silu"), "sigmoid")
whole = Autoencoder(encoder, decoder)
images = conv_encoder((1, 4, 4), [8, 16], 3, "max", [32, 8], "relu")
images_back = conv_decoder((1, 4, 4), [8, 16], 3, "nearest", [8, 32], "relu")
batch: torch.Tensor = whole.reconstruct(torch.zeros(2, 16))
base, log_volume = CouplingFlow(3, 2, 8)(torch.zeros(2, 3))

# Displays -----------------------------------------------------------------------------

ArchitectureDisplay.from_estimator(ae, bar_kw={"alpha": 0.5}).figure_.savefig("a.png")
loss_display = LossCurveDisplay.from_estimator(ae, name="dense")
LossCurveDisplay.from_estimator(vae, ax=loss_display.ax_).ax_.set_title("Losses")
ReconstructionDisplay.from_estimator(ae, X[:5], kind="parity").plot(line_kw={"lw": 1})
ReconstructionDisplay.from_predictions(X, X, image_shape=(4, 4), n_columns=5)
SampleDisplay.from_estimator(ae, 9, image_shape=(1, 4, 4), random_state=0)
SampleDisplay.from_predictions(samples, title="Samples").lines_.clear()
LatentScatterDisplay.from_estimator(ae, X, list(range(100)), n_dimensions=3)
LatentScatterDisplay.from_predictions(codes[:, :2], is_outlier).points_[0].set_alpha(0.5)
LatentHistogramDisplay.from_estimator(
    ae, X, components=[0, 1], n_bins=20
).legend_.remove()
LatentHistogramDisplay.from_predictions(codes)
LatentGridDisplay.from_estimator(ae, X, components=(0, 1), image_shape=(4, 4))
InterpolationDisplay.from_estimator(ae, X[:2], X[2:4], image_shape=(4, 4))
n_bars = len(AnomalyDisplay.from_estimator(detector, X, sample=unusual).bars_)
recorder = ReconstructionRecorder(X[:5], max_frames=10)
recorded = DenseAutoencoder(2, max_epochs=2, callbacks=[recorder]).fit(X).callbacks_
recorder = dict(recorded)["ReconstructionRecorder"]
progress: ReconstructionProgressDisplay = recorder.plot(n_epochs=4)
recorder.save_gif("progress.gif", image_shape=(4, 4))
progress.save_gif(pathlib.Path("progress.gif"), frames_per_second=2.5)
ReconstructionProgressDisplay(X, [0, 1], [X / 2, X]).plot().errors.min()
skae.displays.SampleDisplay(samples).plot()

# Data, metrics and files --------------------------------------------------------------


def fit_images() -> ConvAutoencoder:  # not called: the images may not be there
    images = fetch_images("fashion-mnist", subset="test", download_if_missing=False)
    pixels: np.ndarray = images.data / images["data"].max()
    return ConvAutoencoder(image_shape=images.image_shape).fit(pixels)


distance: float = frechet_distance(X, samples, features=ae)
both: PrecisionRecall = precision_recall(X, samples, n_neighbors=5)
harmonic = 2 / (1 / both.precision + 1 / both.recall)
classifier = LogisticRegression().fit(X, X[:, 0] > 0)
coverage: ClassCoverage = class_coverage(classifier, samples, threshold=0.9)
shares: float = coverage.shares.max() + coverage.recognised + authenticity(X, samples)
save_model(ae, "model.safetensors")
loaded: DenseAutoencoder = load_model("model.safetensors", classes=[LinearAutoencoder])

# Errors and warnings ------------------------------------------------------------------

kinds: list[type[Warning]] = [
    CheckpointWarning,
    ColumnScaleWarning,
    DeviceUnavailableWarning,
    ImageShapeWarning,
    LargeNetworkWarning,
    ModelVersionWarning,
    OutputRangeWarning,
    PosteriorCollapseWarning,
]
try:
    raise StopTraining
except (DistributedError, NonFiniteError, SavedModelError, StopTraining) as error:
    message = str(error)

# Mistakes that a type checker finds, and that fit would report ------------------------

DenseAutoencoder(activation="rleu")  # type: ignore[arg-type]
DenseAutoencoder(latent_density="gmm")  # type: ignore[arg-type]
DenseAutoencoder(max_epochs="many")  # type: ignore[arg-type]
DenseAutoencoder(loss="gaussian")  # type: ignore[arg-type]
ConvAutoencoder(pooling="mean")  # type: ignore[arg-type]
AutoencoderDetector(anomaly_score="distance")  # type: ignore[arg-type]
LatentGaussianMixture("all")  # type: ignore[arg-type]
