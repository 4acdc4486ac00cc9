"""The two recipes that all peers train: the same layers, batches, rate and loss.

They start from random weights. In skae, this is ``init="random"``.
"""

import itertools

LR = 1e-3
BATCH_SIZE = 200
N_COMPONENTS = 32
HIDDEN = (128,)
DECODER_HIDDEN = (256, 512)  # of the dense recipe; the other one mirrors its encoder
CHANNELS = (16, 32)

# Rows of the convolutional recipe: an epoch of all of MNIST takes a CPU half a minute.
N_ROWS = {"dense": None, "conv": 12_000}


def dense_sizes(n_features):
    """Units of the dense recipe's layers, from the rows to the reconstruction."""
    return [n_features, *HIDDEN, N_COMPONENTS, *DECODER_HIDDEN, n_features]


def dense_products(n_features):
    """(inputs, outputs) of the dense recipe's weight matrices."""
    return list(itertools.pairwise(dense_sizes(n_features)))


def dense_operations(n_rows, n_features):
    """Additions and multiplications in the matrix products of one epoch.

    A row costs each weight two of them forward, two for the weight's gradient and two
    for the input's, which the first layer does without.
    """
    products = dense_products(n_features)
    n_weights = sum(n_in * n_out for n_in, n_out in products)
    first = products[0][0] * products[0][1]
    return n_rows * (6 * n_weights - 2 * first)
