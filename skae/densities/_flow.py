"""FlowPrior: a density that a normalizing flow defines."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_is_fitted

from skae._data.check import as_array
from skae._saving import networks
from skae._saving.state import opened, sealed
from skae._validation import Rule
from skae.densities._base import BaseDensity, as_float64
from skae.exceptions import SavedModelError
from skae.nn.flows import CouplingFlow


class FlowPrior(BaseDensity):
    """Density of codes that a normalizing flow maps to standard normal variables.

    It is the prior of a variational autoencoder with a flow. The flow is trained with
    the networks; `fit` copies it and does not train it.

    Parameters
    ----------
    flow : torch.nn.Module
        An invertible network such as `skae.nn.CouplingFlow`. ``flow(codes)`` returns
        the base variables and the logarithm of the determinant of the Jacobian, and
        ``flow.inverse(base)`` returns the codes.

    Attributes
    ----------
    flow_ : torch.nn.Module
        Copy of `flow` on the CPU, in float64, that is not trained further.
    n_features_in_ : int
        Number of features of the latent codes.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` has names that are all strings.

    See Also
    --------
    StandardNormal : Prior of a variational autoencoder without a flow.
    skae.nn.CouplingFlow : The flow.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import FlowPrior
    >>> from skae.nn import CouplingFlow
    >>> flow = CouplingFlow(n_components=3, n_layers=2, hidden_size=8)
    >>> prior = FlowPrior(flow).fit(np.zeros((1, 3)))
    >>> prior.sample(2, random_state=0).shape
    (2, 3)
    """

    flow_: Any  # a copy of `flow`, of its class

    _parameter_rules = {
        "flow": Rule(
            "a torch.nn.Module with a method inverse, such as CouplingFlow",
            lambda value: (
                isinstance(value, torch.nn.Module)
                and callable(getattr(value, "inverse", None))
            ),
        )
    }

    def __init__(self, flow: torch.nn.Module) -> None:
        self.flow = flow

    def to_base(self, X: ArrayLike) -> np.ndarray:
        """Map latent codes to base variables.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latent codes.

        Returns
        -------
        base : ndarray of shape (n_samples, n_features)
            Base variables. Codes with this density have standard normal ones.
        """
        check_is_fitted(self)
        return self.flow_(torch.from_numpy(self._check_codes(X, reset=False)))[0].numpy()

    def to_codes(self, base: ArrayLike) -> np.ndarray:
        """Map base variables to latent codes.

        Parameters
        ----------
        base : array-like of shape (n_samples, n_features)
            Base variables.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Latent codes.
        """
        check_is_fitted(self)
        checked = as_float64(check_array(as_array(base), input_name="base"), "base")
        if checked.shape[1] != self.n_features_in_:
            raise ValueError(
                f"base has {checked.shape[1]} columns; must have {self.n_features_in_}, "
                "the number of features of the latent codes."
            )
        return self._to_codes(checked)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "flow_")

    def _fit(self, X):
        flow = copy.deepcopy(self.flow).cpu().double().eval().requires_grad_(False)
        try:
            base = flow(torch.from_numpy(X[:1]))[0]
        except (IndexError, RuntimeError) as error:
            raise ValueError(self._width_error(X)) from error
        if base.shape != (1, X.shape[1]):
            raise ValueError(self._width_error(X))
        self.flow_ = flow

    def __getstate__(self) -> dict[str, Any]:
        saved = vars(self) | {"flow": _description(self.flow)}
        if "flow_" in saved:
            saved["flow_"] = _description(self.flow_)
        return sealed(self, saved)

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = opened(self, state)
        saved = saved | {"flow": _rebuilt(saved["flow"])}
        if "flow_" in saved:
            saved["flow_"] = _rebuilt(saved["flow_"]).eval().requires_grad_(False)
        self.__dict__.update(saved)

    def _width_error(self, X):
        return (
            f"X has {X.shape[1]} features, which flow does not accept; X must have as "
            "many features as the codes that the flow was built for."
        )

    def _sample(self, n_samples, rng):
        return self._to_codes(rng.standard_normal((n_samples, self.n_features_in_)))

    def _to_codes(self, base):
        return self.flow_.inverse(torch.from_numpy(base)).numpy()

    def _score_samples(self, X):
        base, log_volume = self.flow_(torch.from_numpy(X))
        squares = base.square().sum(dim=1)
        constant = X.shape[1] * np.log(2 * np.pi)
        return (log_volume - (squares + constant) / 2).numpy()


def _description(flow):
    """Return a flow as plain data; a flow of another class as a module on the CPU."""
    if type(flow) is not CouplingFlow:
        return copy.deepcopy(flow).cpu()
    return {"sizes": flow.sizes, "arrays": networks.to_arrays(flow)}


def _rebuilt(description):
    if not isinstance(description, dict):
        return description
    sizes, arrays = description["sizes"], description["arrays"]
    if len(arrays) < sizes["n_layers"]:
        raise SavedModelError("The saved flow has fewer weights than layers.")
    with torch.device("meta"):
        flow = CouplingFlow(**sizes)
    if any(array.dtype == np.float64 for array in arrays.values()):
        flow.double()
    networks.check_arrays(flow, arrays)
    networks.fill(flow, arrays)
    return flow
