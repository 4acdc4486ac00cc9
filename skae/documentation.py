"""What the estimators' docstrings share, written once."""

import inspect

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
gradient_clip_value : float, default=None
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
    Seeds the first weights and the order of the rows. An int gives the same model
    bit for bit on the same device with the same number of threads. None takes fresh
    entropy. The global random states are neither used nor changed.
"""

COMMON_ATTRIBUTES = """
encoder_ : torch.nn.Module
    Maps flat float32 rows (batch, n_features) to codes (batch, n_components).
decoder_ : torch.nn.Module
    Maps codes to flat rows, output activation included.
net_ : skorch.NeuralNet
    The net that was trained: ``net_.module_``, ``net_.history`` and so on.
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
feature_names_in_ : ndarray of shape (n_features_in_,)
    Names of the features, where `X` was a data frame with string column names.
"""


def document(estimator_class):
    """Put the shared parameters and attributes into a class's docstring.

    Decorates a class whose docstring has lines ``{common_parameters}`` and
    ``{common_attributes}``.
    """
    if estimator_class.__doc__ is not None:  # None under python -OO
        docstring = inspect.cleandoc(estimator_class.__doc__)
        docstring = docstring.replace("{common_parameters}", COMMON_PARAMETERS.strip())
        docstring = docstring.replace("{common_attributes}", COMMON_ATTRIBUTES.strip())
        estimator_class.__doc__ = docstring
    return estimator_class
