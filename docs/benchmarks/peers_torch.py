"""PyTorch without skae: the tutorials' loop, and the best loop we could write."""

import itertools
import time

import recipes
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


def dense_module(n_features):
    """The dense recipe: sigmoids at the code and the output, ReLU elsewhere."""
    layers = []
    for n_in, n_out in recipes.dense_products(n_features):
        ends_half = n_out in (recipes.N_COMPONENTS, n_features)
        layers += [nn.Linear(n_in, n_out), nn.Sigmoid() if ends_half else nn.ReLU()]
    return nn.Sequential(*layers)


def conv_module(image_shape):
    """The convolutional recipe, from flat rows to flat rows."""
    n_colours, height, width = image_shape
    first, second = recipes.CHANNELS
    smallest = (second, height // 4, width // 4)
    n_smallest = second * (height // 4) * (width // 4)
    (n_hidden,) = recipes.HIDDEN
    return nn.Sequential(
        nn.Unflatten(1, image_shape),  # (batch, channels, height, width)
        nn.Conv2d(n_colours, first, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(n_smallest, n_hidden),
        nn.ReLU(),
        nn.Linear(n_hidden, recipes.N_COMPONENTS),
        nn.Sigmoid(),  # (batch, n_components)
        nn.Linear(recipes.N_COMPONENTS, n_hidden),
        nn.ReLU(),
        nn.Linear(n_hidden, n_smallest),
        nn.ReLU(),
        nn.Unflatten(1, smallest),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(second, first, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(first, n_colours, 3, padding=1),
        nn.Sigmoid(),
        nn.Flatten(),  # (batch, n_features)
    )


def make_module(recipe, image_shape, n_features):
    """The module of a recipe."""
    return dense_module(n_features) if recipe == "dense" else conv_module(image_shape)


def train_as_in_tutorials(module, X, epochs, mark):
    """The loop of the tutorials; `mark` is called after each epoch."""
    dataset = TensorDataset(torch.from_numpy(X))
    loader = DataLoader(dataset, batch_size=recipes.BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.Adam(module.parameters(), lr=recipes.LR)
    criterion = nn.MSELoss()
    losses = []
    for _ in range(epochs):
        running_loss = 0.0
        for (batch,) in loader:
            optimizer.zero_grad()
            loss = criterion(module(batch), batch)
            loss.backward()
            optimizer.step()
            running_loss += loss.item() * len(batch)
        losses.append(running_loss / len(dataset))
        mark()
    return losses


def train_at_best(module, X, epochs, mark, gather, bfloat16=False):
    """No DataLoader, a fused optimizer, and losses that stay tensors until the end.

    `gather` shuffles all rows at once and takes slices; without it, each batch is picked
    out by its own indices.
    """
    rows = torch.from_numpy(X)
    optimizer = torch.optim.Adam(module.parameters(), lr=recipes.LR, fused=True)
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        if gather:
            batches = rows[order].split(recipes.BATCH_SIZE)
        else:
            batches = (rows[index] for index in order.split(recipes.BATCH_SIZE))
        loss_sum = torch.zeros(())
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                output = module(batch)
            loss = functional.mse_loss(output.float(), batch)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
        losses.append(loss_sum / len(rows))
        mark()
    return [float(loss) for loss in losses]


class ChannelsLast(nn.Module):
    """Give the images, once unflattened, the memory format that convolutions like."""

    def forward(self, images):
        return images.contiguous(memory_format=torch.channels_last)


def in_channels_last(module):
    """The convolutional module, its weights and images in channels_last."""
    layers = []
    for layer in module.to(memory_format=torch.channels_last):
        layers.append(layer)
        if isinstance(layer, nn.Unflatten):
            layers.append(ChannelsLast())
    return nn.Sequential(*layers)


class TorchPeer:
    """One of the two loops, with variants of the module."""

    def __init__(
        self, recipe, image_shape, n_features, loop, channels_last=False, compiled=False
    ):
        self.recipe = (recipe, image_shape, n_features)
        self.loop = loop
        self.channels_last = channels_last
        self.compiled = compiled
        if loop != "tutorial":
            # Denormal numbers, in which Adam's running means end, count as 0: its step
            # would be ten times slower from the third epoch on. The flag is a thread's
            # own; those that torch starts later inherit it.
            torch.set_flush_denormal(True)

    def fit(self, X, epochs, mark):
        self.module = make_module(*self.recipe)
        if self.channels_last:
            self.module = in_channels_last(self.module)
        if self.compiled:
            self.module = torch.compile(self.module)
        match self.loop:
            case "tutorial":
                train_as_in_tutorials(self.module, X, epochs, mark)
            case "gather":
                train_at_best(self.module, X, epochs, mark, gather=True)
            case "index":
                train_at_best(self.module, X, epochs, mark, gather=False)
            case "bfloat16":
                train_at_best(self.module, X, epochs, mark, gather=False, bfloat16=True)

    def reconstruct(self, X):
        with torch.inference_mode():
            return self.module(torch.from_numpy(X)).numpy()


class ProductPeer:
    """The matrix products of an epoch and nothing else, as a limit to any training.

    An "epoch" takes the seconds that an epoch's operations would take at the rate of a
    large square product ("square"), or that its own products take ("recipe").
    """

    def __init__(self, recipe, image_shape, n_features, kind):
        self.n_features = n_features
        self.kind = kind

    def fit(self, X, epochs, mark):
        seconds = {"square": self._square, "recipe": self._recipe}[self.kind]
        with torch.inference_mode():
            for _ in range(epochs):
                mark(seconds(len(X)))

    def _square(self, n_rows, side=2048, repeats=5):
        a, b, out = (torch.rand(side, side) for _ in range(3))
        best = min(_seconds(lambda: torch.mm(a, b, out=out)) for _ in range(repeats))
        rate = 2 * side**3 / best
        return recipes.dense_operations(n_rows, self.n_features) / rate

    def _recipe(self, n_rows, repeats=3, steps=20):
        products = [self._products(*sizes) for sizes in self._sizes()]
        run = list(itertools.chain(*products))[:-1]  # no gradient for the rows

        def some_steps():
            for _ in range(steps):
                for a, b, out in run:
                    torch.mm(a, b, out=out)

        best = min(_seconds(some_steps) for _ in range(repeats))
        return best * n_rows / (steps * recipes.BATCH_SIZE)

    def _sizes(self):
        return reversed(recipes.dense_products(self.n_features))

    def _products(self, n_in, n_out):
        """Forward, gradient of the weights, gradient of the inputs."""
        inputs = torch.rand(recipes.BATCH_SIZE, n_in)
        weights = torch.rand(n_out, n_in)
        outputs = torch.rand(recipes.BATCH_SIZE, n_out)
        return [
            (inputs, weights.T, torch.empty_like(outputs)),
            (outputs.T, inputs, torch.empty_like(weights)),
            (outputs, weights, torch.empty_like(inputs)),
        ]


def _seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
