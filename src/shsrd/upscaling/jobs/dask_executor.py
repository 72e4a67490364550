"""Tiles computed by other processes, on this machine or others: dask.distributed.

Every worker loads weights once, for all scenes of a command, and opens each scene once; a task is the number of a
tile, its answer the tile as it will be stored. A worker that is lost loses nothing: its tiles are given to others. All
workers must see the scenes under the same paths; weights travel with the job.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any
from uuid import uuid4

from shsrd.cube import SceneError
from shsrd.model import Network, serialize_weights
from shsrd.upscaling.jobs.tile_cache import Part
from shsrd.upscaling.jobs.timings import Timings
from shsrd.upscaling.jobs.worker import ModelPayload, ScenePayload, compute_tile, release_payload, unpack
from shsrd.upscaling.plan import Plan

TASKS_PER_WORKER = 2  # one at work, one waiting: answers are fetched while the next tile is computed
CONNECT_TIMEOUT_S = 30  # until a scheduler, and its first worker, must have answered
RETRIES = 3  # of a tile whose worker failed


class ClusterLostError(SceneError):
    """Nobody computes any more, whatever the scene."""


def _plugin(name: str, content: ModelPayload | ScenePayload) -> Any:
    """What a worker does when it joins and when the work is over."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class Unpack(WorkerPlugin):  # type: ignore[misc]
        def __init__(self) -> None:
            self.name = name

        def setup(self, worker: Any) -> None:
            unpack(name, content)  # a function of a module, found by name there: the class travels by value

        def teardown(self, worker: Any) -> None:
            release_payload(name)

    return Unpack()


@contextmanager
def _broadcast(client: Any, content: ModelPayload | ScenePayload) -> Iterator[str]:
    """Give something to all workers, also to those that join later; gives the name under which they have it."""
    name = f"shsrd-{uuid4().hex}"
    client.register_plugin(_plugin(name, content), name=name)
    try:
        yield name
    finally:
        with suppress(OSError, TimeoutError, CancelledError):  # lost: they clear nothing away any more
            client.unregister_worker_plugin(name)


@dataclass(frozen=True)
class WorkerPool:
    """Workers of a running scheduler who have the network, for one scene after the other.

    Attributes:
        client: connected to it.
        name: under which the workers have the network.
    """

    client: Any
    name: str


@contextmanager
def connect_workers(
    network: Network, device: str, *, workers: int = 0, scheduler: str | None = None
) -> Iterator[WorkerPool]:
    """Connect, and hand out the network once; everything is let go of at the end of the block.

    Args:
        network: its weights.
        device: where workers compute.
        workers: processes to start on this machine.
        scheduler: address (``tcp://host:8786``), or a file that the scheduler wrote.

    Raises:
        SceneError: dask.distributed is not installed, or nobody answers.
    """
    threads = threads_per_worker(workers) if scheduler is None else None
    model_payload = ModelPayload(serialize_weights(network), device, threads)
    with dask_client(workers=workers, scheduler=scheduler) as client, ExitStack() as stack:
        with _cluster_errors():
            name = stack.enter_context(_broadcast(client, model_payload))
        yield WorkerPool(client, name)


@dataclass(frozen=True)
class DaskExecutor:
    """A crew at work on a scene.

    Attributes:
        worker_pool: the workers.
        scene_payload: what they need for this scene.
        seconds: gets the times.
    """

    worker_pool: WorkerPool
    scene_payload: ScenePayload
    seconds: Timings

    def parts(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, Part]]:
        """As they are finished; no more tasks are out than the workers can begin soon.

        Raises:
            SceneError: what a worker said of a tile.
            ClusterLostError: the scheduler is gone.
        """
        with _cluster_errors(), _broadcast(self.worker_pool.client, self.scene_payload) as name:
            yield from self._completed_tiles(name, numbers)

    def _completed_tiles(self, name: str, numbers: Sequence[int]) -> Iterator[tuple[int, Part]]:
        from distributed import as_completed

        waiting = list(reversed(numbers))
        first = [self._task(name, waiting.pop()) for _ in range(min(self._room(), len(waiting)))]
        out = as_completed(first, loop=self.worker_pool.client.loop)
        while not out.is_empty():
            with self.seconds.of("waiting for workers"):
                future = next(out)
                part = future.result()
            number = int(future.key.rpartition("-")[2])
            future.release()
            if waiting:
                out.add(self._task(name, waiting.pop()))
            yield number, part

    def _task(self, name: str, number: int) -> Any:
        task = (compute_tile, self.worker_pool.name, name, number)
        return self.worker_pool.client.submit(*task, key=f"{name}-{number}", retries=RETRIES, pure=False)

    def _room(self) -> int:
        threads = sum(self.worker_pool.client.nthreads().values())
        return TASKS_PER_WORKER * max(1, int(threads))


@contextmanager
def _cluster_errors() -> Iterator[None]:
    from distributed.scheduler import KilledWorker

    try:
        yield
    except SceneError:
        raise
    except KilledWorker as error:
        raise SceneError(
            f"a tile ended {error.allowed_failures + 1} workers, the last one {error.last_worker.address}; give them "
            "more memory or a smaller --cell; finished tiles are kept, --resume goes on"
        ) from None
    except (CancelledError, TimeoutError, OSError) as error:
        told = " ".join(str(error).replace("\\n", " ").split()) or type(error).__name__
        raise ClusterLostError(f"the cluster was lost ({told}); finished tiles are kept, --resume goes on") from None


@contextmanager
def dask_client(*, workers: int = 0, scheduler: str | None = None) -> Iterator[Any]:
    """A client of a running scheduler, or of workers started here for this command.

    Args:
        workers: processes to start on this machine.
        scheduler: address (``tcp://host:8786``), or a file that the scheduler wrote.

    Raises:
        SceneError: dask.distributed is not installed, or nobody answers.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SceneError('workers need dask.distributed; install it with: pip install "shsrd[cluster]"') from None
    if scheduler is None:
        with ExitStack() as stack:
            with _sigint_blocked():
                processes = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0}
                local = LocalCluster(**processes, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)
                stack.enter_context(local)
            yield stack.enter_context(Client(local))
        return
    where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
    try:
        client = Client(**where, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise SceneError(f"{scheduler}: no scheduler with workers answers ({error}); start them first") from None
    with client:
        yield client


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Processes and threads begun in the block never get Ctrl-C: a terminal sends it to all, and one answer is enough.

    For this process it waits until the end of the block. The processes end when this one lets go of them, or ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started in the block, it would undo the next line
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def threads_per_worker(workers: int) -> int:
    """Threads of each of some workers that share this machine's processors."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, processors // workers)
