"""The parts that the docstrings of the estimators share, and where their pages are."""

import inspect

SITE = "https://skae.readthedocs.io"

# The page of an estimator; /page leads to the default version of the documentation.
PAGE = SITE + "/page/api/generated/skae.{estimator_name}.html"

N_COMPONENTS = """
n_components : int, float or None, default=32
    Dimension of the latent space; at least 1. A number between 0 and 1 is the share of
    the variance that PCA must explain: the least sufficient number of components is used.
    None is the smaller of n_samples and n_features. `n_components_` is the number used.
"""

MAIN_PARAMETERS = """
max_epochs : int or "auto", default="auto"
    Number of passes over the training samples. "auto" makes about 4,000 training steps,
    but at least 10 epochs, at most 50, or 32 with more than 1,500 samples, and never
    fewer than 200 steps. With "auto", plain autoencoders are never much worse than PCA on
    new samples: `fit` first trains on four fifths of the samples, and compares the errors
    on the others with those of PCA. If training does not improve them by more than their
    standard error, the model stays at PCA. Otherwise, it is trained once more on all
    samples. This takes at most twice the time. With more than 1,500 samples, a tenth and
    at most 1,000 are held out, and the model is trained once. The comparison is not made
    with ``init="random"``, `early_stopping`, `validation_fraction`, `noise`,
    `latent_penalty` or `warm_start` from a fitted model, nor for variational models.
device : str or torch.device, default="auto"
    "cpu", "cuda", "cuda:1", "mps", or "auto": the first CUDA device if there is one,
    else the CPU. If the device of a fitted model is not available, for example on
    another machine, it uses the CPU and warns.
random_state : int, RandomState instance or None, default=None
    Seed of the initial weights, the order of the samples, the validation set, noise, the
    density and `sample`. An int gives the same model bit for bit on the same device with
    the same number of threads. None gives a different model each time. The global random
    states of NumPy and torch are neither used nor changed.
batch_size : int or "auto", default="auto"
    Number of samples in a training batch. "auto" is n_samples / 16, at least 32 and at
    most 100; for more than 100,000 samples, it is n_samples / 1000, at most 1000.
"""

ACTIVATION = """
init : {"pca", "random"}, default="pca"
    Where training starts. "pca" adds a linear map to the encoder and to the decoder, and
    starts at PCA: at first, the linear maps are those of PCA with codes of variance 1,
    and the last layers of the networks are zero. Samples are standardised: less the means
    of the columns, and divided by one number for all columns. Scale and shift of `X` then
    do not matter if the output activation is "identity". The means and axes are computed
    from at most 20,000 samples, or from the first call of `partial_fit`. "random" trains
    the networks alone, on `X` as it is, from torch's random initial weights.
activation : str, default="relu"
    Activation of the hidden layers: "identity", "relu", "leaky_relu", "elu", "gelu",
    "silu", "tanh" or "sigmoid".
"""

LATENT_ACTIVATION = """
latent_activation : {"identity", "relu", "tanh", "sigmoid"}, default="identity"
    Activation of the latent codes. "identity" learns fastest; the others restrict the
    range of the codes.
"""

OUTPUT_ACTIVATION = """
output_activation : str, default="auto"
    Activation of the reconstruction: "identity", "relu", "tanh" or "sigmoid". "auto" is
    "sigmoid" if all training values are in [0, 1], and `X` has images, or flat samples
    that are mostly near 0 and 1; else it is "identity".
"""

LOSS = """
loss : str, default="squared_error"
    Reconstruction loss, averaged over all elements: "squared_error", "absolute_error",
    "huber" (squared up to an error of 1, linear beyond; if samples are standardised by
    `init`, 1 is their scale) or "binary_cross_entropy" (for
    values in [0, 1]).
"""

LIKELIHOOD = """
loss : str, default="gaussian"
    Reconstruction loss, averaged over all elements: the negative log-likelihood of the
    data. "gaussian" assumes normal errors and estimates their scale from each batch, so
    that it suits data of any scale (Rybkin et al. 2021). "laplace" does the same for
    Laplace-distributed errors, which gives sharper samples and larger squared errors.
    "binary_cross_entropy" is for values in [0, 1]. "squared_error" corresponds to normal
    errors of variance 1/2, "absolute_error" to Laplace-distributed errors of scale 1, in
    units of the standardised samples if `init` standardises them; "huber" is between
    these two.
beta : float, default=1.0
    Weight of the divergence of the latent codes from the prior (Higgins et al. 2017).
    With 1 and a loss that is a negative log-likelihood, training maximizes the evidence
    lower bound, divided by n_features.
n_flow_layers : int or "auto", default="auto"
    Number of coupling layers in a normalizing flow, an invertible network from latent
    codes to standard normal variables (Dinh et al. 2017, "Real NVP"), trained with the
    other networks. It lets codes form clusters and keeps samples from the prior
    realistic. 0 puts the standard normal prior on the codes themselves, as Kingma and
    Welling do. "auto" is 12, but 0 for fewer than 10,000 samples.
"""

TRAINING_PARAMETERS = """
noise : {None, "gaussian", "masking"}, default=None
    Corruption applied to the input during training, for a denoising autoencoder (Vincent
    et al. 2010): "gaussian" adds normal noise, "masking" sets elements to 0. The target
    is the input without noise.
noise_level : float, default=0.25
    Standard deviation of the noise in units of `X`; for "masking", the probability that
    an element is set to 0, below 1.
latent_penalty : {None, "l1", "l2"}, default=None
    Penalty on the latent codes: "l1", their mean absolute value, makes them sparse; "l2",
    their mean square, keeps them close together (Ghosh et al. 2020, "RAE").
latent_penalty_weight : float, default=0.001
    Weight of the penalty in the loss.
latent_density : str or density, default="gaussian_mixture"
    Density from which `sample` draws latent codes. It is fitted to the codes of the
    training samples at the end of `fit`: "normal" (independent components), "gaussian"
    (with covariances), "gaussian_mixture", "kde" (a kernel density, which stores all
    codes), "standard_normal" (the prior of variational models), or an object with `fit`
    and `sample`, such as scikit-learn's mixtures, which is cloned. None fits no density.
optimizer : str or type, default="adam"
    A torch optimizer class, a `functools.partial` of one, or a name: "adadelta",
    "adagrad", "adam", "adamw", "nadam", "radam", "rmsprop" or "sgd".
lr : float, default=0.005
    Learning rate; with a schedule, its peak. In a `fit` with ``init="pca"``, "adam",
    "adamw", "nadam" and "radam" take smaller steps if PCA leaves little to learn: `lr` is
    multiplied by four times the standard deviation of PCA's residuals, relative to that
    of the data, if this is below 1. It is not with `noise`, `latent_penalty`, other
    activations at the output or of the codes than the identity, or `warm_start` from a
    fitted model, nor for variational models.
lr_schedule : {"auto", "constant", "cosine", "onecycle"}, default="auto"
    Learning-rate schedule, applied in each step. "onecycle" rises to `lr` and falls to
    nearly 0 (Smith and Topin 2019); "cosine" falls from `lr` to 0. "auto" is "onecycle";
    with `early_stopping`, or an LRScheduler or EarlyStopping in `callbacks`, it is
    "constant".
weight_decay : float or "auto", default="auto"
    A number is the weight decay of the optimizer, for all weights. "auto" pulls the
    model back to PCA: in a `fit` with ``init="pca"`` and the optimizer "adam", "adamw",
    "nadam" or "radam", the weights of linear layers and convolutions in the networks, but
    not those of the linear maps beside them, decay as in AdamW (Loshchilov and Hutter
    2019). The weight decay is 0.15 times the number of
    features, divided by the number of steps in an epoch, and at most 2. Otherwise, and in
    variational models without a flow, "auto" is 0.
max_grad_norm : float, default=None
    Gradient clipping: a gradient with a larger norm, over all weights, is scaled down to
    it. None does not clip.
shuffle : bool, default=True
    Whether to shuffle the samples before each epoch.
early_stopping : bool, default=False
    Whether to stop when the validation loss no longer improves, and to keep the weights
    of the best epoch.
validation_fraction : float, default=None
    Fraction of the samples, between 0 and 1, in a validation set, which is evaluated
    after each epoch. None means 0.1 with `early_stopping`, else no validation set. With
    ``shuffle=False``, the validation set consists of the last samples.
n_iter_no_change : int, default=10
    Maximum number of epochs without improvement before early stopping.
tol : float, default=0.0001
    Minimum improvement of the validation loss, relative to the best one. In
    scikit-learn's MLPs, `tol` is absolute.
warm_start : bool, default=False
    Whether `fit` starts from the weights and the optimizer state of the last fit. The
    learning-rate schedule starts again.
checkpoint : path-like, default=None
    Folder for checkpoints, from which an interrupted `fit` continues: call it again with
    the same parameters and samples. The model is that of an uninterrupted fit, bit for
    bit on a CPU. "{fit}" in the path stands for a name of each fit, as in a search:
    "checkpoints/{fit}". A checkpoint is written after an epoch, but so that this takes at
    most 2% of the time, and at the end. `partial_fit` ignores it. None writes none.
callbacks : list, default=None
    Callbacks of skorch, or (name, callback) pairs. Each fit trains with copies of them,
    which are afterwards in `callbacks_`. What they report to, such as a trial of optuna,
    is not copied. Callbacks of scikit-learn are set by `set_callbacks` instead.
precision : {"float32", "tf32", "bfloat16"}, default="float32"
    Precision of matrix products and convolutions in training. "tf32" rounds their factors
    to 10 bits on CUDA devices and equals "float32" elsewhere. "bfloat16" rounds them to 7
    bits with torch's autocast, which is faster on processors that support it. Weights,
    sums and everything after training are in float32.
distributed : bool, default=True
    Whether the processes that torchrun has started train one model together. All must
    call `fit` with the same parameters and the same `X`, and get the same model. False
    trains a model in each process. In a single process, it has no effect.
verbose : int, default=0
    0 is silent; 1 shows a progress bar with the loss.
"""

COMMON_ATTRIBUTES = """
encoder_ : torch.nn.Module
    Maps flat float32 samples (batch, n_features) to latent codes (batch, n_components).
decoder_ : torch.nn.Module
    Maps latent codes to flat samples, output activation included.
module_ : skae.nn.Autoencoder
    The trained module, with encoder and decoder.
density_ : density or None
    The density fitted to the latent codes; None if `latent_density` is None, or if `fit`
    was interrupted.
loss_curve_ : list of float
    Mean training loss of each epoch.
validation_loss_curve_ : list of float or None
    Mean validation loss after each epoch; None without a validation set.
n_iter_ : int
    Number of completed epochs; 0 if the model stayed at PCA (see `max_epochs`).
n_components_ : int
    Dimension of the latent space.
explained_variance_ratio_ : float or None
    Share of the variance of the training samples, over all columns, that their
    reconstructions explain: 1 - error / variance. It is measured on at most 2,000
    samples. None if `fit` was interrupted.
held_out_explained_variance_ratio_ : float or None
    The same for held-out samples: those of the validation set, or those by which `fit`
    decides whether to train (see `max_epochs`), by a model that has not seen them. None
    if no samples were held out.
noise_variance_ : ndarray of shape (n_features,) or None
    Variance of the reconstruction errors in each column, in squared units of `X`, from
    the same samples; for variational models, with random codes.
history_ : skorch.history.History
    skorch's record of the training, by epoch.
callbacks_ : list of tuple
    The fitted copies of `callbacks`, as (name, callback) pairs.
device_ : str
    Device of the training.
output_activation_ : str
    Output activation of the model: what "auto" was resolved to.
image_shape_ : tuple of int or None
    (channels, height, width) if samples are images, else None.
n_parameters_ : int
    Number of parameters of the networks.
encoder_shapes_ : list of tuple
    Output shapes, for one sample, of the encoder's layers that have parameters.
decoder_shapes_ : list of tuple
    Output shapes of the decoder's layers that have parameters.
n_features_in_ : int
    Number of features of a flat sample.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, if `X` was a data frame with string column names.
"""

VARIATIONAL_ATTRIBUTES = """
n_flow_layers_ : int
    Number of coupling layers in the flow.
kl_per_component_ : ndarray of shape (n_components,)
    Divergence of each component from the prior, in nats, averaged over the training
    samples; near 0 if the component carries no information. With a flow, it is the
    divergence from the normal distribution of the component over all samples. None if
    `fit` was interrupted.
"""

SHARED = {
    "{n_components}": N_COMPONENTS,
    "{main_parameters}": MAIN_PARAMETERS,
    "{network_parameters}": ACTIVATION + LATENT_ACTIVATION + OUTPUT_ACTIVATION + LOSS,
    "{variational_parameters}": ACTIVATION + OUTPUT_ACTIVATION + LIKELIHOOD,
    "{training_parameters}": TRAINING_PARAMETERS,
    "{common_attributes}": COMMON_ATTRIBUTES,
    "{variational_attributes}": VARIATIONAL_ATTRIBUTES,
}


def document(estimator_class):
    """Insert the shared parameters and attributes into the docstring of a class.

    The docstring contains lines such as ``{main_parameters}``, the keys of `SHARED`.
    """
    if estimator_class.__doc__ is not None:  # None under python -OO
        docstring = inspect.cleandoc(estimator_class.__doc__)
        for name, text in SHARED.items():
            docstring = docstring.replace(name, text.strip().replace("\n\n", "\n"))
        estimator_class.__doc__ = docstring
    return estimator_class
