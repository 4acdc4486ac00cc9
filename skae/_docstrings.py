"""What the estimators' docstrings share, written once, and where their pages are."""

import inspect
import re

SITE = "https://skae.readthedocs.io"

# An estimator's page; /page leads to the documentation's default version.
PAGE = SITE + "/page/api/generated/skae.{estimator_name}.html"

COMMON_PARAMETERS = """
activation : str, default="relu"
    Activation between layers: "identity", "relu", "leaky_relu", "elu", "gelu",
    "silu", "tanh" or "sigmoid".
latent_activation : {"identity", "relu", "tanh", "sigmoid"}, default="identity"
    Activation of the codes. Identity codes learn fastest; the others bound them.
output_activation : str, default="auto"
    Activation of the reconstruction: "identity", "relu", "tanh" or "sigmoid".
    "auto" is the sigmoid where all training values lie in [0, 1], else the identity.
loss : str, default="squared_error"
    What training minimises, as a mean over all elements: "squared_error",
    "absolute_error", "huber" (squared up to 1, absolute beyond) or
    "binary_cross_entropy" (for values in [0, 1]).
noise : {None, "gaussian", "masking"}, default=None
    What rows are changed by before they are encoded while training, so that the
    network learns to remove it (Vincent et al. 2010): "gaussian" adds normal noise,
    "masking" sets elements to 0. What is restored is the row without noise.
noise_level : float, default=0.25
    Standard deviation of the noise in units of `X`; of "masking", the probability of an
    element to be set to 0, below 1.
latent_penalty : {None, "l1", "l2"}, default=None
    Penalty on the codes: their mean absolute value, which makes codes sparse, or their
    mean square, which holds them together (Ghosh et al. 2020, "RAE").
latent_penalty_weight : float, default=0.001
    Weight of the penalty beside the loss.
latent_density : str or density, default="gaussian_mixture"
    What `sample` draws codes from, fitted to the codes of the training rows at the end
    of `fit`: "normal" (independent components), "gaussian" (with covariances),
    "gaussian_mixture", "kde" (a kernel density, which holds all codes),
    "standard_normal" (the prior of variational models), or an object with
    `fit` and `sample`, such as scikit-learn's mixtures, which is cloned. None fits none.
optimizer : str or type, default="adam"
    A torch optimizer class, a `functools.partial` of one, or a name: "adadelta",
    "adagrad", "adam", "adamw", "nadam", "radam", "rmsprop" or "sgd".
lr : float, default=0.005
    Learning rate; the peak of it with a schedule.
lr_schedule : {"auto", "constant", "cosine", "onecycle"}, default="auto"
    How the learning rate changes from step to step. "onecycle" rises to `lr` and falls
    to nearly 0 by the last step (Smith and Topin 2019); "cosine" falls from
    `lr` to 0. "auto" is "onecycle", or "constant" with `early_stopping` or beside an
    LRScheduler or EarlyStopping in `callbacks`.
weight_decay : float, default=0.0
    The optimizer's weight decay: an L2 penalty, or what the optimizer makes of it.
batch_size : int or "auto", default="auto"
    Rows in a training batch. "auto" is n_samples / 40, at least 32 and at most 100;
    beyond 100,000 rows n_samples / 1000, at most 1000.
shuffle : bool, default=True
    Whether each epoch takes the rows in a new random order.
max_epochs : int or "auto", default="auto"
    Number of passes over the data. "auto" makes about 4,000 steps, but at least 10
    and at most 50 passes; and never fewer than 200 steps.
max_grad_norm : float, default=None
    Greatest norm of a step's gradient, all weights taken together; a longer one is
    shortened to it. None leaves it as it is.
early_stopping : bool, default=False
    Whether to stop when the loss of rows held out no longer falls, and to restore the
    weights with which it was least.
validation_fraction : float, default=None
    Share of the rows, between 0 and 1, to hold out and validate on after each epoch.
    None holds out 0.1 with `early_stopping`, else none. Without `shuffle`, the last
    rows are held out.
n_iter_no_change : int, default=10
    Number of epochs in a row without a better validation loss to stop after.
tol : float, default=0.0001
    Share of the least validation loss by which another must be less to be better.
warm_start : bool, default=False
    Whether `fit` starts from the weights of the last one, and its optimizer's state; the
    schedule starts anew.
callbacks : list, default=None
    skorch callbacks, or (name, callback) pairs. They are copied before use.
precision : {"float32", "tf32", "bfloat16"}, default="float32"
    What training computes products in. "tf32" rounds their factors to 10 bits on CUDA
    devices and is the same as "float32" elsewhere; "bfloat16" rounds to 7 bits, by
    torch's autocast, which pays where the processor has units for it. Weights and
    sums stay in float32, and so does all that is computed after training.
device : str or torch.device, default="auto"
    "cpu", "cuda", "cuda:1", "mps", or "auto": the first CUDA device where there is
    one, else the CPU. A fitted model moves to the machine it is used on.
verbose : int, default=0
    0 is silent; 1 shows a progress bar with the loss.
random_state : int, RandomState instance or None, default=None
    Seeds the first weights, the order of the rows, which are held out, noise, the density
    and what is sampled. An int gives the same model bit for bit on the same device with
    the same number of threads. None takes fresh entropy. The global random states are
    neither used nor changed.
"""

COMMON_ATTRIBUTES = """
encoder_ : torch.nn.Module
    Maps flat float32 rows (batch, n_features) to codes (batch, n_components).
decoder_ : torch.nn.Module
    Maps codes to flat rows, output activation included.
density_ : density or None
    The density that was fitted to the codes; None where `latent_density` is, or where
    its fit was interrupted.
net_ : skorch.NeuralNet
    The net that was trained: ``net_.module_``, ``net_.history`` and so on.
n_parameters_ : int
    Number of parameters of both networks.
encoder_shapes_ : list of tuple
    Output shapes, for a row, of the encoder's layers that have parameters; `summary`
    tells more.
decoder_shapes_ : list of tuple
    The decoder's.
loss_curve_ : list of float
    Mean training loss of each epoch, weighted by rows.
validation_loss_curve_ : list of float or None
    Mean loss of the rows held out after each epoch; None where none are.
n_iter_ : int
    Number of full epochs that were run.
callbacks_ : list of tuple
    The fitted copies of `callbacks`, as (name, callback) pairs.
device_ : str
    The device that training ran on.
output_activation_ : str
    The output activation in use; what "auto" was resolved to.
image_shape_ : tuple of int or None
    (channels, height, width) where the rows are images, else None.
n_features_in_ : int
    Number of features of a flat row.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, where `X` was a data frame with string column names.
"""


LIKELIHOOD = """
loss : str, default="gaussian"
    What training minimises of the reconstruction, as a mean over all elements: minus the
    log-likelihood of the data. "gaussian" is that of normal errors whose scale is
    the best for each batch, so that it fits data of any scale (Rybkin et al. 2021);
    "laplace" the same with Laplace's distribution, by which rows come out sharper, and
    their squared errors greater; "binary_cross_entropy" is for values in [0, 1];
    "squared_error" is that of normal errors with variance 1/2, "absolute_error" of
    Laplace's with scale 1, "huber" between them.
beta : float, default=1.0
    Weight of the divergence of the codes from the prior (Higgins et al. 2017). With 1,
    and a loss that is a likelihood, training minimises minus the evidence lower bound,
    divided by n_features.
n_flow_layers : int, default=8
    Coupling layers of a flow: an invertible network that makes standard normal variables
    of the codes (Dinh et al. 2017, "Real NVP"). Learned with the rest, it lets codes keep
    apart what lies apart, and yet rows drawn from the prior look real. 0 leaves it
    out: codes themselves are drawn towards the standard normal prior, as by Kingma and
    Welling.
"""

VARIATIONAL_ATTRIBUTES = """
kl_per_component_ : ndarray of shape (n_components,)
    Divergence of each component's distribution, given a row, from the prior, in nats: a
    mean over at most 10,000 training rows, near 0 where the component says nothing of a
    row. With a flow, from the component's normal distribution over all rows.
"""


def _variational(parameters):
    """The shared parameters as a variational autoencoder has them."""
    entries = re.split(r"^(?=\w+ : )", parameters.strip() + "\n", flags=re.MULTILINE)
    kept = [entry for entry in entries if not entry.startswith("latent_activation")]
    return "".join(
        LIKELIHOOD.lstrip() if entry.startswith("loss :") else entry for entry in kept
    )


SHARED = {
    "{common_parameters}": COMMON_PARAMETERS,
    "{variational_parameters}": _variational(COMMON_PARAMETERS),
    "{common_attributes}": COMMON_ATTRIBUTES,
    "{variational_attributes}": VARIATIONAL_ATTRIBUTES,
}


def document(estimator_class):
    """Put the shared parameters and attributes into a class's docstring.

    Decorates a class whose docstring has lines such as ``{common_parameters}``, the
    names in `SHARED`.
    """
    if estimator_class.__doc__ is not None:  # None under python -OO
        docstring = inspect.cleandoc(estimator_class.__doc__)
        for name, text in SHARED.items():
            docstring = docstring.replace(name, text.strip())
        estimator_class.__doc__ = docstring
    return estimator_class
