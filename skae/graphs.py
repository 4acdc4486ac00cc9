"""Training steps as CUDA graphs: a small net's time is in launching its kernels."""

import threading

import torch

# Steps before the capture, which lets libraries set themselves up; and the number of
# steps from which a capture, some tens of milliseconds, is worth it.
WARM_UP_STEPS = 3
MIN_STEPS = 200


_capturing = threading.Lock()  # torch allows one capture at a time in a process


def is_capturable(optimizer):
    """Whether an optimizer can be captured: its step then asks nothing of the CPU."""
    is_adam = isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW)
    return is_adam and all(group["fused"] for group in optimizer.param_groups)


def capture(step, device, generator=None):
    """Capture what `step` does on a CUDA device; returns a function that does it again.

    The tensors that it used stay where they are, the one that it returned too. What it
    draws from the generator, each replay draws anew.
    """
    graph = torch.cuda.CUDAGraph()
    if generator is not None:
        graph.register_generator_state(generator)
    # Other threads may prepare rows for the device, or compute on it, meanwhile.
    stream, mode = torch.cuda.Stream(device), "thread_local"
    capturing = torch.cuda.graph(graph, stream=stream, capture_error_mode=mode)
    with _capturing, torch.cuda.device(device), capturing:
        result = step()

    def replay():
        with torch.cuda.device(device):
            graph.replay()
        return result

    return replay


class CapturedStep:
    """A training step that is captured after a few and replayed from then on.

    Batches of another size than the usual are trained on as they are, and so are all
    where the network cannot be captured. After training, `release` gives the optimizer
    back in its usual form.

    Parameters
    ----------
    step : callable
        Makes an optimizer step from a batch of rows, and returns the loss before it.
    optimizer : torch.optim.Adam or torch.optim.AdamW
        On a CUDA device.
    batch_size : int
    generator : torch.Generator or None, default=None
        What the step draws random numbers from, on the device.
    capture : callable
        As the function of this name.
    """

    def __init__(self, step, optimizer, batch_size, generator=None, capture=capture):
        self.step = step
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.generator = generator
        self.capture = capture
        self.n_warm_ups = 0
        self.replay = None
        self.rows = None
        self.rates = []  # read from the device by every replay
        for group in optimizer.param_groups:
            device = group["params"][0].device
            self.rates.append(
                torch.tensor(group["lr"], dtype=torch.float32, device=device)
            )
            group["lr"] = self.rates[-1]
            group["capturable"] = True

    def __call__(self, rows):
        """Train on `rows`; the loss is in a tensor that the next call may overwrite."""
        if len(rows) != self.batch_size or self.capture is None:
            return self.step(rows)
        if self.replay is None:
            if self.n_warm_ups < WARM_UP_STEPS:
                self.n_warm_ups += 1
                return self._on_side_stream(rows)
            self._try_to_capture(rows)
            if self.replay is None:
                return self.step(rows)
        self.rows.copy_(rows)
        self._take_rates_back()
        return self.replay()

    def release(self):
        """Drop the graph; the learning rate becomes a number again."""
        self.replay = self.rows = self.capture = self.generator = None
        for group in self.optimizer.param_groups:
            group["lr"] = float(group["lr"])
            group["capturable"] = False

    def _take_rates_back(self):
        """Put rates that a callback has set into the tensors that the graph reads."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            if group["lr"] is not rate:
                rate.fill_(float(group["lr"]))
                group["lr"] = rate

    def _try_to_capture(self, rows):
        self._take_rates_back()
        self.rows = rows.clone()
        try:
            self.replay = self.capture(
                lambda: self.step(self.rows), rows.device, self.generator
            )
        except RuntimeError:  # it asks the CPU for something, as a user's layer may
            self.capture = None

    def _on_side_stream(self, rows):
        """The step, where a capture would run it (torch's notes on CUDA graphs)."""
        if rows.device.type != "cuda":
            return self.step(rows)
        side = torch.cuda.Stream(rows.device)
        side.wait_stream(torch.cuda.current_stream(rows.device))
        with torch.cuda.stream(side):
            loss = self.step(rows)
        torch.cuda.current_stream(rows.device).wait_stream(side)
        return loss
