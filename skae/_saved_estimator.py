"""SavedEstimator: estimators that are saved as plain data."""

import inspect
from typing import Any

import numpy as np
import torch

from skae._callback_tasks import without_callbacks
from skae._random import DrawFrom
from skae._saving import networks
from skae._saving.state import PlainState, opened, sealed
from skae._training import resume
from skae._validation import check_parameters
from skae.exceptions import SavedModelError
from skae.nn import linear_path

# Settings of a net, as BaseAutoencoder._training_settings returns them, that are saved.
SETTINGS = (
    *("n_held_out", "batch_size", "max_epochs", "shuffle", "lr"),
    *("precision", "max_grad_norm", "resumable", "verbose"),
)

# Those of a loaded net, until it is trained further.
UNTRAINED = {"lr_factor": 1.0, "lr_schedule": None, "network_decay": 0.0}

# Attributes of a density, as `_saved_density` returns them.
DENSITY = ("density_", "_sampling_rng")

# Errors of saved data that are not those of an estimator.
DAMAGE = (
    *(ArithmeticError, AttributeError, LookupError),
    *(RuntimeError, TypeError, ValueError),
)


class SavedEstimator(PlainState):
    """Mixin of the estimators: `pickle`, `copy` and skops save them as plain data.

    The networks are saved as arrays. Loading builds them by `_build_networks`, as `fit`
    does, from the parameters of that fit.
    """

    def __getstate__(self: Any) -> dict[str, Any]:
        kept = without_callbacks(vars(self), is_fitted=hasattr(self, "_net"))
        content = {name: _plain(value) for name, value in kept.items()}
        net, trained = content.pop("_net", None), content.pop("_trained_parameters", None)
        if net is not None:
            content |= self._saved_density()
            content["_net"] = self._saved_net(net, trained)
        return sealed(self, content)

    def __setstate__(self, state: dict[str, Any]) -> None:
        content = dict(opened(self, state))
        saved_net = content.pop("_net", None)
        density = {name: content.pop(name) for name in DENSITY if name in content}
        self.__dict__.update(_default_parameters(type(self)) | content)
        try:
            if saved_net is not None:
                self._net = self._loaded_net(saved_net)
            if density:
                self._load_density(density)
        except SavedModelError:
            raise
        except DAMAGE as error:
            raise SavedModelError(
                f"The saved {type(self).__name__} cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _load_density(self, content):
        """Set the density, and the generator of samples, to those of `_saved_density`."""
        content = dict(content)
        random_state = content.pop("_sampling_rng")
        self._sampling_rng = np.random.RandomState()
        self._sampling_rng.set_state(tuple(random_state))
        vars(self).update(content)
        self._restore_density()

    def _saved_net(self, net, trained):
        """Return a net as plain data, with the parameters that it was built from."""
        module = net.module_
        now = {name: getattr(self, name, None) for name in trained}
        return {
            "parameters": {
                name: _plain(value)
                for name, value in trained.items()
                if value is not now[name]
            },
            "arrays": networks.to_arrays(module),
            "frozen": networks.frozen_names(module),
            "gains": linear_path.has_gains(module),
            "settings": {name: getattr(net, name) for name in SETTINGS},
            "training": resume.saved_training(net),
        }

    def _loaded_net(self, saved):
        draft = object.__new__(type(self))
        vars(draft).update(vars(self) | saved["parameters"])
        self._trained_parameters = draft.get_params(deep=False)
        check_parameters(draft, draft._parameter_rules)
        net = draft._make_net(
            draft._module_of(saved),
            generator=None,
            device=torch.device("cpu"),
            optimizer_device=torch.device(self.device_),
            settings=saved["settings"] | UNTRAINED,
        )
        resume.restore(net, saved["training"])
        return net

    def _module_of(self, saved):
        """Return the module of saved weights.

        It is built without memory for weights first, so that a damaged file cannot make
        it huge. An architecture of the user may need real tensors to be built.
        """
        build = type(self)._build_networks
        is_own = not build.__module__.startswith("skae.")
        try:
            module = self._module_on("meta", saved, is_own)
        except SavedModelError:
            raise
        except Exception as error:
            if not is_own:
                raise SavedModelError(
                    "The networks that the saved parameters describe cannot be built: "
                    f"{error}."
                ) from error
            module = None
        if module is None or networks.has_meta_tensors(module):
            module = self._module_on("cpu", saved, is_own)
        networks.fill(module, saved["arrays"], saved["frozen"])
        return module

    def _module_on(self, device, saved, is_own):
        arrays = saved["arrays"]
        self._check_sizes(arrays)
        with DrawFrom(torch.Generator().manual_seed(0), device):
            module = self._make_module(*self._build_networks(self.n_features_in_))
            module = module.float().eval()
            if is_own:  # lazy layers get their shapes from the first sample
                self._check_outputs(module, device)
        if self.init == "pca":
            linear_path.add_empty_path(
                module,
                self.n_features_in_,
                self.n_components_,
                self.output_activation_,
                saved["gains"],
            )
        networks.check_arrays(module, arrays)
        return module

    def _check_sizes(self, arrays):
        """Raise a SavedModelError for numbers of layers that the arrays do not have."""
        for name in ("hidden_layer_sizes", "decoder_hidden_layer_sizes", "conv_channels"):
            sizes = getattr(self, name + "_", getattr(self, name, None))
            if hasattr(sizes, "__len__") and len(sizes) > len(arrays):
                raise SavedModelError(
                    f"The saved model has {len(sizes)} {name}, but weights of "
                    f"{len(arrays)} arrays only."
                )
        if getattr(self, "n_flow_layers_", 0) > len(arrays):
            raise SavedModelError(
                f"The saved model has {self.n_flow_layers_} flow layers, but weights of "
                f"{len(arrays)} arrays only."
            )


def _default_parameters(kind):
    """Return the defaults of the constructor, for parameters that a file lacks."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _plain(value):
    if isinstance(value, torch.device):
        return str(value)
    return value
