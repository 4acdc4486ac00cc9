"""
A linear autoencoder is PCA
===========================

Without hidden layers and without activations, the best that an autoencoder can do is what
PCA does in closed form: project on the plane that loses least. Its error cannot be below
PCA's; with hidden layers it can.
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

by_pca = pca.inverse_transform(pca.transform(X_test))
print("mean squared errors of test images, 8 numbers each")
print(f"PCA                         {((X_test - by_pca) ** 2).mean():.4f}")
print(f"linear autoencoder          {-linear.score(X_test):.4f}")
print(f"with a hidden layer of 512  {-deep.score(X_test):.4f}")

# %%
# PCA first, then the linear autoencoder. Both make the same mistakes, and nearly the same
# errors.

ReconstructionDisplay.from_predictions(
    X_test[:10], by_pca[:10], image_shape=images.image_shape
)

# %%
# The linear autoencoder:

ReconstructionDisplay.from_estimator(linear, X_test[:10], image_shape=images.image_shape)

# %%
# The same eight numbers, with a hidden layer on either side:

ReconstructionDisplay.from_estimator(deep, X_test[:10], image_shape=images.image_shape)
