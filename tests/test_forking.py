"""Processes that are forked after torch has used several threads."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="requires processes that fork"
)

# The parent computes with two threads; those are missing in the child.
FORK = """
import os, sys, warnings
import numpy as np, torch
from skae import DenseAutoencoder

def fitted():
    settings = dict(hidden_layer_sizes=(256,), max_epochs=1, batch_size=500)
    return DenseAutoencoder(4, **settings, random_state=0).fit(X)

torch.set_num_threads({parent})
X = np.random.RandomState(0).rand(2000, 50).astype(np.float32)
before = fitted()
warnings.simplefilter("ignore", DeprecationWarning)  # of threads and fork
child = os.fork()
if not child:
    print(torch.get_num_threads(), flush=True)
    {child}
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), torch.get_num_threads())
"""


def forked(parent, child):
    """Run code in a child that is forked; return what child and parent print."""
    script = FORK.format(parent=parent, child=child)
    environment = {**os.environ, "OMP_NUM_THREADS": str(parent)}
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment,
    )
    assert not result.stderr, result.stderr
    return result.stdout.split("\n")


USE = """
    codes = fitted().transform(X)
    assert np.allclose(codes, before.transform(X), atol=1e-3), codes
    torch.ones(4_000_000).sqrt()  # torch itself, in several threads if it has them
"""


def test_a_forked_process_computes_with_one_thread():
    in_child, in_parent, _ = forked(parent=2, child=USE.strip())
    assert in_child == "1"
    assert in_parent == "0 2"  # the child succeeded, and the parent is as before


def test_a_forked_process_may_choose_more_threads_before_it_computes():
    choose = "torch.set_num_threads(3); print(torch.get_num_threads(), flush=True)"
    assert forked(parent=1, child=choose) == ["1", "3", "0 1", ""]
