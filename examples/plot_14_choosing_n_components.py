"""
Choosing the number of latent components
========================================

The reconstruction error decreases with the number of latent components, so it has no best
value. If a classifier uses the latent codes as features, its accuracy is a better
criterion. This example searches over a Pipeline of autoencoder and classifier.
"""

import matplotlib.pyplot as plt
from gallery_data import load_images
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skae import DenseAutoencoder

images = load_images()
pipe = Pipeline(
    [
        (
            "ae",
            DenseAutoencoder(
                hidden_layer_sizes=(128,),
                latent_density=None,  # faster: the search needs no samples
                max_epochs=images.epochs(mnist=20, digits=30),
                random_state=0,
            ),
        ),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression(max_iter=1000)),
    ]
)
sizes = [2, 4, 8, 16, 32]
search = GridSearchCV(pipe, {"ae__n_components": sizes}, cv=3)
search.fit(images.X[:2000], images.y[:2000])
accuracy = search.score(images.X_test, images.y_test)
print(f"{search.best_params_}, accuracy on test images {accuracy:.3f}")

# %%
# The first components improve the accuracy most. If the error bars of two numbers of
# components overlap, the smaller number is as good for this classifier.

mean, std = (search.cv_results_[f"{kind}_test_score"] for kind in ("mean", "std"))
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.errorbar(range(len(sizes)), mean, yerr=std, marker="o", capsize=4)
ax.set(
    xticks=range(len(sizes)),
    xticklabels=sizes,
    xlabel="latent components (n_components)",
    ylabel="accuracy (mean and std. of 3 folds)",
    title="Logistic regression on latent codes",
)
