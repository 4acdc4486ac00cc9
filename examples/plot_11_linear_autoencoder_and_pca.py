"""
A linear autoencoder and PCA
============================

Without hidden layers and activations, an autoencoder is a linear model. Its training
error cannot be lower than that of PCA, which finds the best linear projection in closed
form. With ``init="random"``, it learns the subspace of PCA by gradient descent. With
``init="pca"``, the default, it starts there. Hidden layers then make it better than PCA.
"""

import matplotlib.pyplot as plt
from gallery_data import load_images
from sklearn.decomposition import PCA

from skae import DenseAutoencoder
from skae.callbacks import ReconstructionRecorder
from skae.displays import ReconstructionDisplay

images = load_images()
X, X_test = images.X, images.X_test[:1000]
settings = {
    "output_activation": "identity",
    "batch_size": 32,
    "max_epochs": images.epochs(mnist=10, digits=100),
    "callbacks": [ReconstructionRecorder(X_test, max_frames=101)],
    "random_state": 0,
}
models = {
    "linear, init='random'": DenseAutoencoder(
        8, hidden_layer_sizes=(), init="random", **settings
    ),
    "linear, init='pca'": DenseAutoencoder(8, hidden_layer_sizes=(), **settings),
    "hidden layers, init='pca'": DenseAutoencoder(8, **settings),
}
pca = PCA(8, random_state=0).fit(X)
X_pca = pca.inverse_transform(pca.transform(X_test))
pca_error = ((X_test - X_pca) ** 2).mean()
print("mean squared error of test images, 8 components")
print(f"{'PCA':30} {pca_error:.4f}")
for name, ae in models.items():
    print(f"{name:30} {-ae.fit(X).score(X_test):.4f}")

# %%
# The figure shows the error of the test images after each epoch. The dashed line is PCA.
# A linear model with random initial weights needs several epochs to get there. One that
# starts there can learn nothing more. With hidden layers, the error falls below that of
# PCA.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.axhline(pca_error, color="black", linestyle="--", label="PCA", zorder=3)
for name, ae in models.items():
    recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
    errors = [((frame - X_test) ** 2).mean() for frame in recorder.reconstructions_]
    ax.plot(recorder.epochs_, errors, label=name)
ax.set(
    xlabel="epoch",
    ylabel="mean squared error of test images",
    ylim=(0, 3 * pca_error),
    title="8 latent components",
)
ax.legend()

# %%
# These are the reconstructions by PCA. The numbers are the mean squared errors of the
# images.

display = ReconstructionDisplay.from_predictions(
    X_test[:10], X_pca[:10], image_shape=images.image_shape
)
display.ax_.set_title("Reconstructions by PCA")

# %%
# The last model also has eight latent components, but a hidden layer in the encoder and
# in the decoder. Most of its reconstructions are better.

display = ReconstructionDisplay.from_estimator(
    ae, X_test[:10], image_shape=images.image_shape
)
display.ax_.set_title("Reconstructions with hidden layers")
