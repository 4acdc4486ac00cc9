"""Random calls on skae's estimators, each checked against what is documented.

    python tests/fuzz.py --calls 500 --seed 0
    python tests/fuzz.py --seed 0 --only 123   # that call, after those that lead to it

A call either returns a documented result, or raises a ValueError, TypeError,
NotFittedError or MemoryError on purpose, whose message names what was wrong. It leaves
the data, the global state and, unless it trains successfully, the fitted model as they
were. Calls come in sessions of at most twenty on one estimator; a session depends on the
seed and its number alone. The exit status is 1 if there was a fault.
"""

import argparse
import collections
import contextlib
import copy
import math
import numbers
import os
import pickle
import re
import resource
import secrets
import sys
import tempfile
import time
import traceback
import warnings

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["SCIPY_ARRAY_API"] = "1"  # for scikit-learn's array API dispatch

import numpy as np
import pandas as pd
import polars as pl
import sklearn
import skops.io
import torch
from fuzz_oracle import Call, check_array, expect, fingerprint, may_train, perform
from fuzz_values import (
    BORDERLINE,
    CLASSES,
    DENSE_PARAMETERS,
    DENSITIES,
    DEPENDENT,
    ENVIRONMENTS,
    FORMS,
    HOSTILE,
    PARAMETERS,
    TINY,
    OddAutoencoder,
    OwnAutoencoder,
    boolean,
    integer,
    judge_seed,
    make_data,
)
from sklearn.base import clone

from skae import AutoencoderDetector
from skae.saving import load_model, save_model

SESSION = 20  # calls on one estimator
MEMORY_LIMIT = 6 * 2**30


# Sessions: calls on one estimator ------------------------------------------------------


# Calls that are made less often; most of them are no methods.
RARE = {"clone", "pickle", "deepcopy", "repr", "html", "set_output", "summary"}
RARE |= {"save_model", "dump", "detect"}
# Parameters that may make weights huge: what they reconstruct is then not finite.
STEERING = ("lr", "weight_decay", "beta", "latent_penalty_weight", "noise_level")


class Session:
    """An estimator, what is known of it, and random calls on it."""

    def __init__(self, seed, number):
        self.rng = np.random.default_rng([seed, number])
        self.estimator = self.pick(CLASSES)()
        self.defaults = self.estimator.get_params(deep=False)
        is_dense = "conv_channels" not in self.defaults
        self.parameters = PARAMETERS | (DENSE_PARAMETERS if is_dense else {})
        self.defaults |= {n: value for n, value in TINY.items() if n in self.defaults}
        self.form = None  # of the samples that it was fitted on
        self.n_components = 0
        self.output = "default"
        self.is_changed = False  # since the last training
        self.is_wild = False  # trained with such parameters that weights may be huge
        self.estimator.set_params(**self.defaults | self.random_params())
        if isinstance(self.estimator, OddAutoencoder):
            self.estimator.set_params(batch_size=int(self.rng.integers(1, 14)))
        if self.chance(0.5):
            self.estimator.set_params(latent_density=self.pick(DENSITIES))
        if self.chance(0.3) and "beta" not in self.defaults:  # it may stay at PCA
            self.estimator.set_params(max_epochs="auto")

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def pick_argument(self, good):
        """A value that is good, or any."""
        return self.pick(good if self.chance(0.6) else self.pick([HOSTILE, BORDERLINE]))

    def chance(self, probability):
        return self.rng.random() < probability

    def random_params(self):
        """Some parameters, most of them right."""
        names = list(self.defaults)
        known = [name for name in names if name in self.parameters]
        chosen = self.rng.choice(known, self.pick([0, 1, 1, 2, 3]), replace=False)
        params = {str(name): self.pick(self.parameters[name][0]) for name in chosen}
        if self.chance(0.4):
            name, value = self.pick(names), self.pick(self.pick([HOSTILE, BORDERLINE]))
            is_endless = name == "max_epochs" and type(value) is int and value > 100
            params |= {} if is_endless else {name: value}
        return params

    def next_call(self):
        kind = self.pick(list(ENVIRONMENTS)) if self.chance(0.15) else None
        self.environment = ENVIRONMENTS.get(kind, contextlib.nullcontext)()
        params = self.estimator.get_params(deep=False)
        rules = self.parameters
        self.verdicts = {n: rules[n][1](params[n]) for n in params if n in rules}
        if False in self.verdicts.values() and self.chance(0.4):
            self.estimator.set_params(**self.defaults)
            self.verdicts = {}
        weights = {name: 1.0 if name in RARE else 3.0 for name in self.calls()}
        if self.form is None:
            weights |= {"fit": 40.0, "fit_transform": 20.0, "partial_fit": 20.0}
        if self.is_changed and self.chance(0.7):  # parameters are checked by fit
            weights = {"fit": 2.0, "fit_transform": 1.0, "partial_fit": 1.0}
        p = np.array([*weights.values()])
        name = str(self.rng.choice(list(weights), p=p / p.sum()))
        self.is_changed = name == "set_params"
        call = getattr(self, f"call_{name}")(name)
        call.arguments += f" [{kind}]" if kind else ""
        call.warnings = "error" if kind == "warnings are errors" else "always"
        if call.data and kind in ("assume_finite", "array_api_dispatch"):
            call.unsure, call.bad = True, []
        return call

    def calls(self):
        """Names of the calls that the estimator has."""
        names = [name[5:] for name in dir(self) if name.startswith("call_")]
        return [name for name in names if name in RARE or hasattr(self.estimator, name)]

    # Training

    def call_fit(self, method):
        estimator = self.estimator
        data = make_data(self.rng, self.pick(FORMS) if self.chance(0.7) else (4,))
        call = self.method_call(method, [data])
        call.unfitted, call.changes = False, ("all",)
        call.bad += [name for name, verdict in self.verdicts.items() if verdict is False]
        for name, value in estimator.get_params(deep=False).items():
            verdict = self.verdicts.get(name)
            if value is self.defaults[name] or (verdict and name not in DEPENDENT):
                continue
            enough = name == "latent_density" and data.n_samples >= 12
            call.unsure |= not (enough and verdict)
        is_warm = boolean(estimator.warm_start) and bool(estimator.warm_start)
        resumes = self.form is not None and (method == "partial_fit" or is_warm)
        call.own_networks = isinstance(estimator, OwnAutoencoder | OddAutoencoder)
        few = (
            data.n_samples < 3 or estimator.batch_size is not self.defaults["batch_size"]
        )
        call.unsure |= resumes or (call.own_networks and few) or data.form == (6, 6, 3)

        def check(result):
            if not resumes:
                self.form, self.n_components = data.form, estimator.n_components_
                self.check_n_components(data)
            unusual = [self.verdicts.get(name, True) for name in STEERING]
            self.is_wild |= None in (*unusual, data.works)
            if method == "fit_transform":
                self.check_codes(result, data)
                codes = estimator.transform(data.value)
                expect(np.array_equal(codes, result), "is not what transform returns")
            else:
                expect(result is estimator, "is not the estimator")
            losses, n_features = estimator.loss_curve_, estimator.n_features_in_
            may_stay = method != "partial_fit" and estimator.max_epochs == "auto"
            may_stay &= estimator.init == "pca"
            expect(len(losses) == estimator.n_iter_, f"has losses {losses}")
            expect(losses or may_stay, "has no losses")
            expect(np.isfinite(losses).all(), f"has losses {losses}")
            expect(n_features == math.prod(self.form), f"has {n_features} features")
            self.check_quality()
            if method == "fit" and not resumes and type(estimator.random_state) is int:
                again = clone(estimator).fit(data.value)
                expect(losses == again.loss_curve_, "differs with the same seed")

        call.check = check
        return call

    call_partial_fit = call_fit_transform = call_fit

    def check_n_components(self, data):
        wanted, found = self.estimator.n_components, self.estimator.n_components_
        most = min(data.n_samples, math.prod(data.form))
        expect(type(found) is int, f"has a {type(found).__name__} for n_components_")
        if wanted is None:
            expect(found == most, f"has n_components_ {found}, not {most}")
        elif isinstance(wanted, numbers.Integral):
            expect(found == wanted, f"has n_components_ {found}, not {wanted}")
        else:
            expect(1 <= found <= most, f"has n_components_ {found}, above {most}")

    def check_quality(self):
        """The attributes that describe the reconstruction."""
        if sklearn.get_config()["assume_finite"]:
            return
        share, noise = (
            getattr(self.estimator, name)
            for name in ("explained_variance_ratio_", "noise_variance_")
        )
        expect(type(share) is float and share <= 1, f"explains {share!r}")
        shape = (math.prod(self.form),)
        expect(np.shape(noise) == shape, f"has noise_variance_ {noise!r}")
        expect(np.asarray(noise >= 0).all(), f"has noise_variance_ {noise!r}")
        held_out = self.estimator.held_out_explained_variance_ratio_
        expect(held_out is None or held_out <= 1, f"explains {held_out!r} held out")

    def call_set_params(self, method):
        bad = ["n_component"] if self.chance(0.1) else []
        params = dict.fromkeys(bad, 1) or self.random_params()
        call = self.method_call(method, [], bad=bad, **params)
        call.unfitted, call.unsure, call.changes = False, False, ("params",)
        call.changes += ("transform", "density") if "device" in params else ()
        return call

    # Reading

    def method_call(self, method, data, bad=(), **arguments):
        """The call of a method that reads; others change what they must."""
        shown = [d.text for d in data] + [f"{n}={v!r}" for n, v in arguments.items()]
        values = [d.value for d in data]
        call = Call(
            method,
            ", ".join(shown),
            lambda: getattr(self.estimator, method)(*values, **arguments),
            data=data,
            bad=[*(["X"] if any(d.works is False for d in data) else []), *bad],
            unsure=any(d.works is None for d in data),
            unfitted=self.form is None,
        )
        call.unsure |= self.is_wild or self.verdicts.get("device", True) is not True
        names = getattr(self.estimator, "feature_names_in_", ["f0"])
        call.unsure |= bool(data) and names[0] != "f0"
        return call

    def readable(self):
        """Data for a method that reads, in most cases of the form that was fitted."""
        form = self.form or self.pick(FORMS)
        if self.chance(0.15):
            form = (math.prod(form),)
        elif self.chance(0.1):
            form = self.pick(FORMS)
        data = make_data(self.rng, form)
        if self.form is not None and data.works is not False:
            if math.prod(data.form) != math.prod(self.form):
                data.works = False
            elif len(data.form) > 1 and data.form != self.form:
                data.works = None
        return data

    def check_codes(self, result, data):
        if self.output != "default":
            library = {"pandas": pd, "polars": pl}[self.output]
            expect(isinstance(result, library.DataFrame), f"is a {type(result).__name__}")
            names = self.estimator.get_feature_names_out()
            expect(list(result.columns) == list(names), "has other columns")
            if self.output == "pandas" and isinstance(data.value, pd.DataFrame):
                expect(result.index.equals(data.value.index), "has another index")
            result = np.array(result)
        check_array(result, (data.n_samples, self.n_components), data.dtype)

    def call_transform(self, method):
        data = self.readable()
        call = self.method_call(method, [data])

        def check(result):
            self.check_codes(result, data)
            with sklearn.config_context(array_api_dispatch=False):
                decoded = self.estimator.inverse_transform(np.asarray(result))
                expected = self.estimator.reconstruct(data.value)
            is_near = np.allclose(decoded, expected, rtol=1e-3, atol=1e-4, equal_nan=True)
            expect(is_near, "decodes to something else than reconstruct returns")

        call.check = check
        return call

    def call_inverse_transform(self, method):
        n_components = (self.n_components or 2) + int(self.chance(0.1))
        data = make_data(self.rng, (n_components,))
        if self.form and n_components != self.n_components and data.works:
            data.works = False
        call = self.method_call(method, [data])
        call.unsure |= "stream" in data.text  # only X may be read in parts
        shape = (data.n_samples, *(self.form or ()))
        call.check = lambda result: check_array(result, shape, data.dtype)
        return call

    def call_reconstruct(self, method):
        data = self.readable()
        call = self.method_call(method, [data])
        shape = (data.n_samples, *((self.form or ()) if method == "reconstruct" else ()))
        high = 0 if method == "score_samples" else math.inf
        call.check = lambda result: check_array(result, shape, data.dtype, high=high)
        return self.needs_density(call) if method == "latent_log_density" else call

    call_score_samples = call_latent_log_density = call_reconstruct

    def call_score(self, method):
        data = self.readable()
        call = self.method_call(method, [data])

        def check(score):
            expect(type(score) is float, f"is a {type(score).__name__}")
            if sklearn.get_config()["assume_finite"]:
                return  # NaN in, NaN out
            expect(-math.inf < score <= 0, f"is {score!r}")
            with sklearn.config_context(array_api_dispatch=False):
                mean = float(
                    np.mean(self.estimator.score_samples(data.value), dtype="f8")
                )
            expect(math.isclose(score, mean, rel_tol=1e-4), f"is {score}, not {mean}")

        call.check = check
        return call

    def call_posterior(self, method):
        data = self.readable()
        call = self.method_call(method, [data])

        def check(result):
            mean, std = result
            check_array(mean, (data.n_samples, self.n_components), data.dtype)
            check_array(std, (data.n_samples, self.n_components), data.dtype, low=0)

        call.check = check
        return call

    def call_interpolate(self, method):
        a, b = self.readable(), self.readable()
        if self.chance(0.6):
            b = a
        n_steps = self.pick_argument([2, 3, np.uint8(4)])
        verdict = integer(2, when_huge=False)(n_steps)
        bad = [] if verdict else ["n_steps"]
        if a.n_samples != b.n_samples and a.works is not False and b.works is not False:
            bad.append("X_b")
        call = self.method_call(method, [a, b], bad=bad, n_steps=n_steps)
        shape = (a.n_samples, n_steps, *(self.form or ()))
        call.check = lambda result: check_array(result, shape)
        return call

    # The density

    def needs_density(self, call):
        """What is known of a call on `density_`."""
        density = getattr(self.estimator, "density_", None)
        if self.form is not None and density is None:
            call.bad.append("density")
        if density is not None and not type(density).__module__.startswith("skae"):
            call.unsure = True  # it may be broken
        return call

    def call_sample(self, method):
        n_samples = self.pick_argument([1, 3, np.int64(2), np.uint8(5)])
        seed = self.pick_argument([None, 0, np.uint32(7)])
        bad = [] if integer(1, when_huge=False)(n_samples) else ["n_samples"]
        bad += ["random_state"] if judge_seed(seed) is False else []
        arguments = {"n_samples": n_samples, "random_state": seed}
        call = self.needs_density(self.method_call(method, [], bad=bad, **arguments))
        call.unsure |= judge_seed(seed) is None
        form = self.form if method == "sample" else (self.n_components,)
        shape = (n_samples, *(form or ()))

        def check(result):
            check_array(result, shape, np.float32)
            if seed is not None:
                again = getattr(self.estimator, method)(**arguments)
                expect(np.array_equal(result, again), "differs with the same seed")

        call.check = check
        return call

    call_sample_latent = call_sample

    def call_fit_density(self, method):
        good, judge = self.parameters["latent_density"]
        density = self.pick_argument(good)
        data = self.readable()
        verdict = judge(density)
        bad = ["latent_density"] if verdict is False and density is not None else []
        call = self.method_call(method, [data], bad=bad, latent_density=density)
        call.unsure |= density is None or not verdict or data.n_samples < 12
        call.unsure |= self.verdicts.get("random_state", True) is not True
        call.check = lambda result: expect(result is self.estimator, "is not self")
        call.changes = ("density",)
        return call

    # What scikit-learn asks of every estimator

    def call_get_feature_names_out(self, method):
        def check(names):
            is_right = names.shape == (self.n_components,) and names.dtype == object
            expect(is_right, f"is {names!r}")

        call = self.method_call(method, [])
        call.check = check
        return call

    def call_set_output(self, method):
        output = self.pick(["default", "pandas", "polars"])
        call = self.method_call(method, [], transform=output)
        call.unfitted, call.unsure = False, False

        def check(result):
            expect(result is self.estimator, "is not the estimator")
            self.output = output

        call.check = check
        return call

    def call_summary(self, method):
        call = self.method_call(method, [])
        call.check = lambda text: expect(type(text) is str and text, "is no text")
        return call

    def call_repr(self, method):
        call = Call(method, "", lambda: repr(self.estimator))
        call.check = lambda text: expect(type(self.estimator).__name__ in text, text)
        return call

    def call_html(self, method):
        call = Call("_repr_html_", "", lambda: self.estimator._repr_html_())
        call.check = lambda text: expect("<div" in text, "is no HTML")
        return call

    def call_clone(self, method):
        def check(copied):
            expect(not hasattr(copied, "n_features_in_"), "is fitted")
            params = [repr(e.get_params(deep=False)) for e in (copied, self.estimator)]
            if " at 0x" not in params[0]:
                expect(params[0] == params[1], "has other parameters")

        return Call(method, "", lambda: clone(self.estimator), check)

    def call_deepcopy(self, method):
        def check(copied):
            states = [fingerprint(e) for e in (copied, self.estimator)]
            unequal = [k for k, v in states[0].items() if states[1][k] != v]
            expect(unequal in ([], ["params"]), f"has another {unequal}")
            self.copied = copied

        return Call(method, "", lambda: copy.deepcopy(self.estimator), check)

    def call_pickle(self, method):
        call = self.call_deepcopy(method)
        call.run = lambda: pickle.loads(pickle.dumps(self.estimator))
        return call

    def call_dump(self, method):
        """Save with skops, and load."""

        def run():
            saved = skops.io.dumps(self.estimator)
            return skops.io.loads(saved, skops.io.get_untrusted_types(data=saved))

        call = self.call_deepcopy(method)
        call.run, call.unsure = run, True  # parameters may be of any type
        return call

    def call_save_model(self, method):
        """Save as safetensors, and load."""

        def run():
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "model.safetensors")
                save_model(self.estimator, path)
                return load_model(path, classes=CLASSES)

        call = self.call_deepcopy(method)
        call.run, call.unsure = run, True
        return call

    def call_detect(self, method):
        """Fit a detector around the estimator, with the data that a fit would have."""
        call = self.call_fit(method)
        X = call.data[0].value
        detector = AutoencoderDetector(self.estimator, random_state=0)
        call.run = lambda: detector.fit(X)
        call.unsure, call.changes = True, ()

        def check(detector):
            scores, p_values = detector.score_samples(X), detector.p_values(X)
            check_array(scores, (call.data[0].n_samples,))
            check_array(p_values, scores.shape, low=0, high=1)
            parts = detector.feature_scores(X).reshape(len(scores), -1).sum(axis=1)
            expect(np.allclose(parts, -scores, 1e-3, 1e-5), "has other parts of scores")
            again = pickle.loads(pickle.dumps(detector)).score_samples(X)
            expect(np.array_equal(again, scores), "differs after loading")

        call.check = check
        return call


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_session(seed, number, n_calls, report):
    session = Session(seed, number)
    for place in range(n_calls):
        call = session.next_call()
        estimator = session.estimator
        shown = f"{' '.join(repr(estimator).split())}.{call.method}({call.arguments})"
        error, problems = perform(estimator, call, session.environment)
        report(number * SESSION + place, call, shown, error, problems)
        session.estimator = vars(session).pop("copied", estimator)
        if may_train(call, estimator, error) or (problems and call.changes):
            return  # what the estimator holds is not known


def warm_up():
    """Train once: what torch imports at first changes global state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for estimator_class in CLASSES:
            estimator_class(max_epochs=1).fit(np.random.default_rng(0).random((12, 4)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seed", type=int, help="a fresh one if not given")
    parser.add_argument("--only", type=int, help="the number of one call")
    options, started = parser.parse_args(), time.perf_counter()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    say(f"fuzz: seed {seed}")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    warm_up()
    outcomes, faults = collections.Counter(), collections.Counter()

    def report(number, call, shown, error, problems):
        outcomes[call.method, type(error).__name__ if error else "returns"] += 1
        faults.update(problem.partition(":")[0] for problem in problems)
        if problems or options.only is not None:
            say(f"\ncall {number}: " + re.sub(r"\d{50,}", "10**400", shown))
        if error is not None and (problems or options.only == number):
            say(f"  {type(error).__name__}: {str(error)[:400]}")
            for frame in traceback.extract_tb(error.__traceback__)[-3:]:
                say(f"  at {frame.filename}:{frame.lineno} {frame.line}")
        for problem in problems:
            say(f"  FAULT {problem}")
        if problems:
            say(f"  again: python tests/fuzz.py --seed {seed} --only {number}")

    if options.only is None:
        number = 0
        while outcomes.total() < options.calls:
            run_session(seed, number, SESSION, report)
            number += 1
    else:
        number, place = divmod(options.only, SESSION)
        run_session(seed, number, place + 1, report)
    say("\ncalls by method and outcome")
    for (method, outcome), count in sorted(outcomes.items()):
        say(f"  {method:24}{outcome:24}{count:6}")
    for fault, count in faults.most_common():
        say(f"  FAULT {count:6}  {fault}")
    seconds = time.perf_counter() - started
    say(
        f"{outcomes.total()} calls, {faults.total()} faults, {seconds:.0f} s, seed {seed}"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
