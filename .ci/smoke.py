"""Use an installed skae as a user does: python .ci/smoke.py."""

import importlib.metadata
import pathlib
import pickle
import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import skae

late = {"matplotlib", "torchvision"} & set(sys.modules)
assert not late, f"import skae has imported {sorted(late)}."
folder = pathlib.Path(skae.__file__).parent
assert pathlib.Path(sys.prefix) in folder.parents, f"{folder} is not installed."
assert skae.__version__ == importlib.metadata.version("skae")
assert (folder / "py.typed").is_file(), "The types of skae are not installed."

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    (X / 16).astype("float32"), y, random_state=0
)

ae = skae.DenseAutoencoder(16, max_epochs=5, random_state=0).fit(X_train)
error, variance = -ae.score(X_test), X_test.var(axis=0).mean()
assert error < 0.2 * variance, f"The error is {error:.4f}, the variance {variance:.4f}."
assert ae.sample(3).shape == (3, 64)
loaded = pickle.loads(pickle.dumps(ae))
assert np.array_equal(loaded.transform(X_test), ae.transform(X_test))

images = X_train.reshape(-1, 8, 8)
conv = skae.ConvVariationalAutoencoder(4, max_epochs=1, random_state=0).fit(images[:200])
assert conv.reconstruct(images[:5]).shape == (5, 8, 8)

pipeline = make_pipeline(skae.DenseAutoencoder(16, max_epochs=5), LogisticRegression())
accuracy = pipeline.fit(X_train, y_train).score(X_test, y_test)
assert accuracy > 0.8, f"The accuracy is {accuracy:.2f}."

display = skae.displays.ReconstructionDisplay.from_estimator(ae, X_test[:5])
assert display.figure_.axes
print(f"skae {skae.__version__} works: error {error:.4f}, accuracy {accuracy:.2f}.")
