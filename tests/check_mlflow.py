"""Check that MLflow logs and loads a pipeline with an autoencoder, by skops.

It is not part of the test suite, since MLflow has many dependencies:

    pip install mlflow skops
    python tests/check_mlflow.py
"""

import pathlib
import tempfile

import mlflow.sklearn
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae

X = load_digits().data
pipeline = make_pipeline(
    StandardScaler(), skae.DenseAutoencoder(8, max_epochs=3, random_state=0)
).fit(X)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "model"
    mlflow.sklearn.save_model(pipeline, path, skops_trusted_types=skae.TRUSTED_TYPES)
    loaded = mlflow.sklearn.load_model(str(path))
assert (loaded.transform(X) == pipeline.transform(X)).all()
print("MLflow has loaded the same model.")
