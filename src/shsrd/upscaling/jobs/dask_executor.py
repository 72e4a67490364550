"""``DaskExecutor``: run tiles in worker processes of dask.distributed, on this machine or others.

Every worker loads the weights once for all scenes of a command, and opens each scene once. A task is the number of a
tile, its result the encoded tile. Tiles of a lost worker are computed by others. All workers must have access to the
scenes under the same paths; weights are sent to them.
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
from shsrd.upscaling.jobs.tile_cache import EncodedTile
from shsrd.upscaling.jobs.timings import Timings
from shsrd.upscaling.jobs.worker import ModelPayload, ScenePayload, compute_tile, load_payload, release_payload
from shsrd.upscaling.plan import Plan

TASKS_PER_WORKER = 2  # one running, one queued: results are fetched while the next tile is computed
CONNECT_TIMEOUT_S = 30  # for the scheduler to answer, and for its first worker
RETRIES = 3  # of a tile whose worker failed


class ClusterLostError(SceneError):
    """Connection to the scheduler lost; no scene can be computed any more."""


def _plugin(name: str, payload: ModelPayload | ScenePayload) -> Any:
    """Dask plugin that loads a payload in every worker and releases it at the end."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class LoadPayload(WorkerPlugin):  # type: ignore[misc]
        def __init__(self) -> None:
            self.name = name

        def setup(self, worker: Any) -> None:
            load_payload(name, payload)  # imported there by name; the class itself is sent by value

        def teardown(self, worker: Any) -> None:
            release_payload(name)

    return LoadPayload()


@contextmanager
def _broadcast(client: Any, payload: ModelPayload | ScenePayload) -> Iterator[str]:
    """Send a payload to all workers, including those that join later; yields its plugin name."""
    name = f"shsrd-{uuid4().hex}"
    client.register_plugin(_plugin(name, payload), name=name)
    try:
        yield name
    finally:
        with suppress(OSError, TimeoutError, CancelledError):  # lost workers release nothing
            client.unregister_worker_plugin(name)


@dataclass(frozen=True)
class WorkerPool:
    """Workers of a running scheduler that have loaded the network, for any number of scenes.

    Attributes:
        client: connected to the scheduler.
        name: plugin name of the network.
    """

    client: Any
    name: str


@contextmanager
def connect_workers(
    network: Network, device: str, *, workers: int = 0, scheduler: str | None = None
) -> Iterator[WorkerPool]:
    """Connect to workers and send them the network; both are released at the end of the block.

    Args:
        network: with its weights.
        device: of the workers.
        workers: number of processes to start on this machine.
        scheduler: address (``tcp://host:8786``), or a file that the scheduler wrote.

    Raises:
        SceneError: dask.distributed is not installed, or the scheduler does not answer.
    """
    threads = threads_per_worker(workers) if scheduler is None else None
    payload = ModelPayload(serialize_weights(network), device, threads)
    with dask_client(workers=workers, scheduler=scheduler) as client, ExitStack() as stack:
        with _cluster_errors():
            name = stack.enter_context(_broadcast(client, payload))
        yield WorkerPool(client, name)


@dataclass(frozen=True)
class DaskExecutor:
    """Run tiles in the workers of a pool. Implements ``TileExecutor``.

    Attributes:
        pool: the workers.
        payload: scene and plan for them.
        timings: receives the times.
    """

    pool: WorkerPool
    payload: ScenePayload
    timings: Timings

    def run(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, EncodedTile]]:
        """Compute tiles; no more tasks are submitted than workers can begin soon.

        Raises:
            SceneError: a tile cannot be computed, or ended several workers.
            ClusterLostError: the connection to the scheduler is lost.
        """
        with _cluster_errors(), _broadcast(self.pool.client, self.payload) as name:
            yield from self._completed_tiles(name, numbers)

    def _completed_tiles(self, name: str, numbers: Sequence[int]) -> Iterator[tuple[int, EncodedTile]]:
        from distributed import as_completed

        waiting = list(reversed(numbers))
        first = [self._task(name, waiting.pop()) for _ in range(min(self._max_tasks(), len(waiting)))]
        tasks = as_completed(first, loop=self.pool.client.loop)
        while not tasks.is_empty():
            with self.timings.measure("waiting for workers"):
                future = next(tasks)
                tile = future.result()
            number = int(future.key.rpartition("-")[2])
            future.release()
            if waiting:
                tasks.add(self._task(name, waiting.pop()))
            yield number, tile

    def _task(self, name: str, number: int) -> Any:
        task = (compute_tile, self.pool.name, name, number)
        return self.pool.client.submit(*task, key=f"{name}-{number}", retries=RETRIES, pure=False)

    def _max_tasks(self) -> int:
        threads = sum(self.pool.client.nthreads().values())
        return TASKS_PER_WORKER * max(1, int(threads))


@contextmanager
def _cluster_errors() -> Iterator[None]:
    """Turn errors of dask in a ``with`` block into a ``SceneError`` with a remedy."""
    from distributed.scheduler import KilledWorker

    try:
        yield
    except SceneError:
        raise
    except KilledWorker as error:
        raise SceneError(
            f"a tile ended {error.allowed_failures + 1} workers, the last one {error.last_worker.address}; give them "
            "more memory or a smaller --block; finished tiles are kept, --resume goes on"
        ) from None
    except (CancelledError, TimeoutError, OSError) as error:
        reason = " ".join(str(error).replace("\\n", " ").split()) or type(error).__name__
        raise ClusterLostError(f"the cluster was lost ({reason}); finished tiles are kept, --resume goes on") from None


@contextmanager
def dask_client(*, workers: int = 0, scheduler: str | None = None) -> Iterator[Any]:
    """Client of a running scheduler, or of workers started on this machine.

    Args:
        workers: number of processes to start on this machine, without a scheduler.
        scheduler: address (``tcp://host:8786``), or a file that the scheduler wrote.

    Raises:
        SceneError: dask.distributed is not installed, or the scheduler does not answer.
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
    with _connect(scheduler) as client:
        yield client


def _connect(scheduler: str) -> Any:
    """Client of a running scheduler with at least one worker."""
    from distributed import Client

    where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
    try:
        client = Client(**where, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise SceneError(f"{scheduler}: no scheduler with workers answers ({error}); start them first") from None
    return client


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block Ctrl-C for processes and threads started in a ``with`` block; a terminal would send it to all of them.

    In the current process it is delayed until the end of the block. The started processes end with this one.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # if started in the block, it would undo the next line
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def threads_per_worker(workers: int) -> int:
    """Number of threads for each of several workers that share the processors of this machine."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, processors // workers)
