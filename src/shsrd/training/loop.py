"""The only training loop: ``step -> batch -> loss -> update -> EMA``, with validation, checkpoints and a clock."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from shsrd.model import Network, channels_last
from shsrd.training.checkpoint import BEST, Progress, load_checkpoint, save_checkpoint
from shsrd.training.config import TrainConfig
from shsrd.training.cuda_graphs import CudaGraphGradients, CudaPrefetcher
from shsrd.training.data.batch import Batch
from shsrd.training.data.loader import drawn
from shsrd.training.data.mixture import Source
from shsrd.training.fabric import Fabric
from shsrd.training.losses import diffusion_loss, posterior_mean_loss
from shsrd.training.monitor import Monitor
from shsrd.training.muon import Muon
from shsrd.training.trainable import freeze, parameter_groups, trainable_parameters
from shsrd.training.validation import Validate

_DDP = "ddp_find_unused_parameters_true"  # photos do not reach the injection
THREADS = 2  # of the processor beside a GPU: what is left to it is small, and more threads would only wait for it
_LOG = logging.getLogger(__name__)
Value = TypeVar("Value", bool, float)
SaveBest = Callable[[Network, Progress, dict[str, float]], None]


@dataclass(frozen=True)
class Run:
    """A training run, ready to start.

    Attributes:
        config: its settings.
        network: to be trained in place.
        source: of batches.
        validate: judges the averaged weights on unseen images; None: the last ones are kept.
        started: called after the first step, when it is known that the run can go.
        pause: asked before every step with the seconds that the longest validation or checkpoint took; True stops the
            run there, resumably. Nothing else of the run depends on it.
    """

    config: TrainConfig
    network: Network
    source: Source
    validate: Validate | None
    started: Callable[[], None] | None = None
    pause: Callable[[float], bool] | None = None


class PausedError(Exception):
    """A run was stopped from outside after a step; its checkpoint is written and the same call goes on with it."""


def train(run: Run, save_best: SaveBest) -> Progress:
    """Train until the steps, the time or the patience run out; resumes where a checkpoint lies in the run folder.

    The best averaged weights are kept as they come; where no validation had a finite figure, the last ones are.
    """
    config = run.config
    fabric = _fabric(config)
    fabric.launch()
    freeze(run.network, config)
    network = channels_last(run.network)
    optimizer = _optimizer(network, config)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema))  # type: ignore[no-untyped-call]
    progress = load_checkpoint(config.out, network, average, optimizer) or Progress()
    state = _Trainer(fabric, run, network, average, optimizer, progress)
    fresh = progress.step == 0
    monitored = Monitor(config.out, fabric.is_global_zero, total=config.steps, fresh=fresh)
    with monitored as monitor, limit_threads(fabric.device):
        state.loop(monitor, save_best)
    if fabric.is_global_zero and math.isinf(progress.best) and not (config.out / BEST).exists():
        _save_last_average(state, save_best)
    return progress


def _save_last_average(state: _Trainer, save_best: SaveBest) -> None:
    """Keep the averaged weights as they are, for want of better ones."""
    averaged: Any = state.average.module
    save_best(averaged, state.progress, {})
    if state.run.validate is not None:
        _LOG.warning(
            "%s: no validation had a finite figure; the averaged weights at the end (step %d) were kept.",
            state.config.out,
            state.progress.step,
        )


@contextmanager
def limit_threads(device: torch.device) -> Iterator[None]:
    """``THREADS`` of the processor at most while a GPU trains; afterwards as many as before."""
    before = torch.get_num_threads()
    if device.type == "cuda":
        torch.set_num_threads(min(before, THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _optimizer(network: Network, config: TrainConfig) -> torch.optim.Optimizer:
    parameters, decay = parameter_groups(network, config.body_rate, config.scale_rate), config.weight_decay
    if config.optimizer == "muon":
        dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
        return Muon(parameters, config.lr, weight_decay=decay, dtype=dtype)
    return torch.optim.AdamW(parameters, lr=config.lr, weight_decay=decay, betas=(0.9, 0.99))


def _fabric(config: TrainConfig) -> Fabric:
    """One process, or as many as ``torchrun`` started (it says so in the environment)."""
    precision: Any = "bf16-mixed" if config.precision == "bf16" else "32-true"
    if "LOCAL_WORLD_SIZE" not in os.environ:
        return Fabric(devices=1, precision=precision)
    processes, nodes = (int(os.environ[key]) for key in ("LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE"))
    return Fabric(devices=processes, num_nodes=nodes, strategy=_DDP, precision=precision)


class _Trainer:
    """The moving parts of a run."""

    def __init__(
        self,
        fabric: Fabric,
        run: Run,
        network: Network,
        average: AveragedModel,
        optimizer: torch.optim.Optimizer,
        progress: Progress,
    ) -> None:
        self.fabric, self.run, self.config, self.progress = fabric, run, run.config, progress
        self.bare = network
        self.objective, self.optimizer = fabric.setup(_Objective(network), optimizer)
        self.average = average.to(fabric.device)
        self.average.n_averaged = self.average.n_averaged.cpu()  # asked for every step: a GPU need not stop for it
        if fabric.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        self.clock = time.monotonic() - progress.seconds
        self.gradients: CudaGraphGradients | None = None
        self.longest = 0.0

    def loop(self, monitor: Monitor, save_best: SaveBest) -> None:
        config, progress = self.config, self.progress
        batches = self.batches()
        ended, first = self._agreed(self._ending() or self._out_of_patience()), True
        while not ended:
            if self._agreed(self.run.pause is not None and self.run.pause(self.longest)):
                if not first:
                    self._save()
                raise PausedError
            loss = self.step(batches)
            if first and self.fabric.is_global_zero and self.run.started is not None:
                self.run.started()
            first = False
            progress.step += 1
            progress.seconds = self._agreed(time.monotonic() - self.clock)
            monitor.step(progress, loss, self.optimizer.param_groups[-1]["lr"])
            if progress.step % config.validate_every == 0 or self._ending():
                monitor.checked(progress)
                self._timed(partial(self._validate, monitor, save_best))
            ended = self._agreed(self._ending() or self._out_of_patience())
            if progress.step % config.checkpoint_every == 0 or ended:
                monitor.checked(progress)
                self._timed(self._save)

    def _timed(self, work: Callable[[], None]) -> None:
        """Do what is no step, and remember how long the longest of it took."""
        start = time.monotonic()
        work()
        self.longest = max(self.longest, time.monotonic() - start)

    def batches(self) -> CudaPrefetcher:
        """The rest of the run's batches."""
        config = self.config
        steps = range(self.progress.step, config.steps)
        rank = self.fabric.global_rank
        source = drawn(self.run.source, steps, count=config.batch, seed=config.seed, rank=rank, workers=config.workers)
        ahead = CudaPrefetcher(source, self.fabric.device)
        if self.fabric.device.type == "cuda" and self.fabric.world_size == 1 and config.objective == "mean":
            work = partial(self._gradients, generator=None)
            self.gradients = CudaGraphGradients(work, trainable_parameters(self.bare), ahead.release)
        return ahead

    def _agreed(self, value: Value) -> Value:
        """The first process's value, so that all processes take the same steps at the same rates."""
        return value if self.fabric.world_size == 1 else self.fabric.broadcast(value)

    def step(self, batches: CudaPrefetcher) -> torch.Tensor:
        """One update of the weights and of their average; the loss before it."""
        config = self.config
        batch, generator = next(batches)
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * self._rate() * group["share"]
        if self.gradients is None:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._gradients(batch, generator)
            batches.release()
        else:
            loss = self.gradients(batch)
        self.fabric.clip_gradients(self.objective, self.optimizer, max_norm=config.clip, error_if_nonfinite=False)
        self.optimizer.step()
        self._update_average()
        return loss

    def _update_average(self) -> None:
        """Move the average towards the weights; ``update_parameters`` alone would have the GPU waited for."""
        if int(self.average.n_averaged) == 0 or self.average.multi_avg_fn is None:
            self.average.update_parameters(self.bare)
            return
        averaged = [parameter.detach() for parameter in self.average.module.parameters()]
        self.average.multi_avg_fn(averaged, [p.detach() for p in self.bare.parameters()], self.average.n_averaged)
        self.average.n_averaged += 1

    def _gradients(self, batch: Batch, generator: torch.Generator | None) -> torch.Tensor:
        """The loss of a batch, and its gradients in the parameters."""
        loss = self.objective(partial(self._loss, batch, generator))
        self.fabric.backward(loss)
        detached: torch.Tensor = loss.detach()
        return detached

    def _loss(self, batch: Batch, generator: torch.Generator | None, network: Network) -> torch.Tensor:
        if self.config.objective == "mean":
            return posterior_mean_loss(network, batch, self.config.charbonnier_eps)
        assert generator is not None
        return diffusion_loss(network, batch, generator, self.config.noise_samples).total

    def _rate(self) -> float:
        """Linear warm-up, then a cosine to zero over steps or time, whichever is further along."""
        config, progress = self.config, self.progress
        warm = min(1.0, (progress.step + 1) / max(1, config.warmup))
        spent = progress.step / config.steps
        if config.time_limit:
            spent = max(spent, progress.seconds / 60 / config.time_limit)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, spent)))

    def _validate(self, monitor: Monitor, save_best: SaveBest) -> None:
        if not self.fabric.is_global_zero:
            return
        averaged: Any = self.average.module
        if self.run.validate is None:
            if self._ending():
                save_best(averaged, self.progress, {})
            return
        figures = self.run.validate(averaged)
        averaged.train()
        if not math.isfinite(figures["gain_db"]):
            _LOG.warning("%s: the validation of step %d has no finite figure", self.config.out, self.progress.step)
        progress = self.progress
        progress.stale += 1
        if figures["gain_db"] > progress.best:
            progress.best, progress.best_step, progress.stale = figures["gain_db"], progress.step, 0
            save_best(averaged, progress, figures)
        monitor.validation(progress, figures)

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            save_checkpoint(self.config.out, self.bare, self.average, self.optimizer, self.progress)
        self.fabric.barrier()

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.progress.stale

    def _ending(self) -> bool:
        limit = self.config.time_limit
        out_of_time = bool(limit) and self.progress.seconds >= 60 * limit
        return self.progress.step >= self.config.steps or out_of_time


class _Objective(torch.nn.Module):
    """Applies a loss to the network inside one forward pass, which is where data parallelism hooks in."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, loss: Callable[[Network], torch.Tensor]) -> torch.Tensor:
        return loss(self.network)
