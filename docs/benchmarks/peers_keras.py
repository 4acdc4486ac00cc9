"""Keras 3, on the backend that the environment variable KERAS_BACKEND names."""

import itertools
import time

import keras
import recipes

# What the fastest of is taken, measured before anything else. Without compilation, the
# JAX backend would compute step by step, which nobody does.
COMPILE_CHOICES = {"tensorflow": ("auto", False), "jax": ("auto",)}
STEPS_CHOICES = (1, 20)
N_TUNING_ROWS = 6_000


def dense_model(n_features):
    """The dense recipe: sigmoids at the code and the output, ReLU elsewhere."""
    layers = keras.layers
    model = keras.Sequential([layers.Input((n_features,))])
    for _, n_out in recipes.dense_products(n_features):
        ends_half = n_out in (recipes.N_COMPONENTS, n_features)
        # The output stays float32 under mixed precision, as Keras advises.
        dtype = "float32" if n_out == n_features else None
        activation = "sigmoid" if ends_half else "relu"
        model.add(layers.Dense(n_out, activation=activation, dtype=dtype))
    return model


def conv_model(image_shape):
    """The convolutional recipe, on images with their channels last."""
    layers = keras.layers
    n_colours, height, width = image_shape
    first, second = recipes.CHANNELS
    smallest = (height // 4, width // 4, second)
    (n_hidden,) = recipes.HIDDEN
    return keras.Sequential(
        [
            layers.Input((height, width, n_colours)),
            layers.Conv2D(first, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(second, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(n_hidden, activation="relu"),
            layers.Dense(recipes.N_COMPONENTS, activation="sigmoid"),
            layers.Dense(n_hidden, activation="relu"),
            layers.Dense(smallest[0] * smallest[1] * second, activation="relu"),
            layers.Reshape(smallest),
            layers.UpSampling2D(2),
            layers.Conv2D(first, 3, padding="same", activation="relu"),
            layers.UpSampling2D(2),
            layers.Conv2D(
                n_colours, 3, padding="same", activation="sigmoid", dtype="float32"
            ),
        ]
    )


class AfterEpoch(keras.callbacks.Callback):
    """Call a function after each epoch."""

    def __init__(self, mark):
        super().__init__()
        self.mark = mark

    def on_epoch_end(self, epoch, logs=None):
        self.mark()


class KerasPeer:
    """`Model.fit` on a NumPy array, with the fastest of the ways to compile it."""

    def __init__(self, recipe, image_shape, n_features, bfloat16=False):
        if bfloat16:
            keras.config.set_dtype_policy("mixed_bfloat16")
        keras.utils.set_random_seed(0)
        self.recipe = recipe
        self.image_shape = image_shape
        self.n_features = n_features
        self.options = {}

    def tune(self, X):
        """Choose how to compile the model, by epochs of some rows after a first one."""
        trials = []
        compiles = COMPILE_CHOICES[keras.backend.backend()]
        for jit_compile, n_steps in itertools.product(compiles, STEPS_CHOICES):
            self.options = {"jit_compile": jit_compile, "steps_per_execution": n_steps}
            ends = []
            self.fit(X[:N_TUNING_ROWS], 4, lambda: ends.append(time.perf_counter()))  # noqa: B023
            seconds = min(b - a for a, b in itertools.pairwise(ends))
            trials.append((seconds, len(trials), self.options))
        self.options = min(trials)[2]
        return self.options

    def fit(self, X, epochs, mark):
        self.model = self._build()
        self.model.compile(
            optimizer=keras.optimizers.Adam(recipes.LR),
            loss="mean_squared_error",
            **self.options,
        )
        self.go_on(X, epochs, mark)

    def go_on(self, X, epochs, mark):
        """Train the model for more epochs."""
        images = self._as_images(X)
        self.model.fit(
            images,
            images,
            batch_size=recipes.BATCH_SIZE,
            epochs=epochs,
            shuffle=True,
            verbose=0,
            callbacks=[AfterEpoch(mark)],
        )

    def reconstruct(self, X):
        images = self.model.predict(self._as_images(X), batch_size=1000, verbose=0)
        if self.recipe == "conv":
            images = images.transpose(0, 3, 1, 2)
        return images.reshape(len(X), -1)

    def _build(self):
        if self.recipe == "dense":
            return dense_model(self.n_features)
        return conv_model(self.image_shape)

    def _as_images(self, X):
        if self.recipe == "dense":
            return X
        images = X.reshape(-1, *self.image_shape)
        return images.transpose(0, 2, 3, 1).copy()  # (n, height, width, channels)
