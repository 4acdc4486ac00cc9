"""
A linear autoencoder and PCA
============================

Without hidden layers and activations, an autoencoder is a linear model. Its training
error cannot be lower than that of PCA, which finds the best linear projection in closed
form. An autoencoder with hidden layers can have a lower error.
"""

from gallery_data import load_images
from sklearn.decomposition import PCA

from skae import DenseAutoencoder
from skae.displays import ReconstructionDisplay

images = load_images()
X, X_test = images.X, images.X_test

pca = PCA(8).fit(X)
linear = DenseAutoencoder(
    8,
    hidden_layer_sizes=(),
    output_activation="identity",
    max_epochs=images.epochs(mnist=20, digits=100),
    random_state=0,
).fit(X)
deep = DenseAutoencoder(
    8, max_epochs=images.epochs(mnist=20, digits=50), random_state=0
).fit(X)

X_pca = pca.inverse_transform(pca.transform(X_test))
print("mean squared error of test images, 8 components")
print(f"PCA                            {((X_test - X_pca) ** 2).mean():.4f}")
print(f"linear autoencoder             {-linear.score(X_test):.4f}")
print(f"hidden layers with 512 units   {-deep.score(X_test):.4f}")

# %%
# These are the reconstructions by PCA. The numbers are the mean squared errors of the
# images.

display = ReconstructionDisplay.from_predictions(
    X_test[:10], X_pca[:10], image_shape=images.image_shape
)
display.ax_.set_title("Reconstructions by PCA")

# %%
# The reconstructions by the linear autoencoder are nearly the same. It has learned the
# subspace of PCA by gradient descent.

display = ReconstructionDisplay.from_estimator(
    linear, X_test[:10], image_shape=images.image_shape
)
display.ax_.set_title("Reconstructions by the linear autoencoder")

# %%
# The last model also has eight latent components, but a hidden layer in the encoder and
# in the decoder. Its reconstructions are better.

display = ReconstructionDisplay.from_estimator(
    deep, X_test[:10], image_shape=images.image_shape
)
display.ax_.set_title("Reconstructions with hidden layers")
