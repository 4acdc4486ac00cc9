"""skae, training the recipes."""

import recipes
import skorch.callbacks

from skae import ConvAutoencoder, DenseAutoencoder

SETTINGS = {
    "init": "random",
    "latent_activation": "sigmoid",
    "output_activation": "sigmoid",
    "lr": recipes.LR,
    "lr_schedule": "constant",
    "batch_size": recipes.BATCH_SIZE,
    "device": "cpu",
    "random_state": 0,
}


class AfterEpoch(skorch.callbacks.Callback):
    """Call a function after each epoch."""

    def __init__(self, mark):
        self.mark = mark

    def on_epoch_end(self, net, **kwargs):
        self.mark()


def make_estimator(recipe, image_shape, mirrored=False, **settings):
    """The recipe's estimator; `mirrored` makes the dense decoder mirror its encoder."""
    settings = SETTINGS | {"hidden_layer_sizes": recipes.HIDDEN} | settings
    settings["latent_density"] = None  # no peer fits one
    if recipe == "conv":
        return ConvAutoencoder(recipes.N_COMPONENTS, image_shape=image_shape, **settings)
    if not mirrored:
        settings["decoder_hidden_layer_sizes"] = recipes.DECODER_HIDDEN
    return DenseAutoencoder(recipes.N_COMPONENTS, **settings)


class SkaePeer:
    """`DenseAutoencoder` or `ConvAutoencoder`."""

    def __init__(self, recipe, image_shape, n_features, **settings):
        self.estimator = make_estimator(recipe, image_shape, **settings)

    def fit(self, X, epochs, mark):
        callbacks = [AfterEpoch(mark)]
        self.estimator.set_params(max_epochs=epochs, callbacks=callbacks).fit(X)

    def reconstruct(self, X):
        return self.estimator.reconstruct(X)
