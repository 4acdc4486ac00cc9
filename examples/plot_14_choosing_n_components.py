"""
How large should codes be? Ask the classifier
=============================================

The reconstruction error falls with every number more. Where codes are features of a
classifier, its accuracy says when there are enough: a grid search over the whole
Pipeline.
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
                latent_density=None,  # a search samples nothing
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
# The first numbers bring most. Where the bars of two sizes overlap, the smaller one is as
# good for this classifier.

mean, std = (search.cv_results_[f"{kind}_test_score"] for kind in ("mean", "std"))
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.errorbar(range(len(sizes)), mean, yerr=std, marker="o", capsize=4)
ax.set(
    xticks=range(len(sizes)),
    xticklabels=sizes,
    xlabel="numbers in a code (n_components)",
    ylabel="accuracy, mean and deviation of 3 folds",
    title="Logistic regression on the codes",
)
