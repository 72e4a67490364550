"""A queue of trainings: one file lists them, one command runs them under a time limit and goes on where it stopped."""

from shsrd.training.queue.carry import carry
from shsrd.training.queue.home import QueueState, TrainingStatus
from shsrd.training.queue.runner import run_queue
from shsrd.training.queue.settings import DatasetSpec, Queue, TrainingSpec, read_queue

__all__ = ["DatasetSpec", "Queue", "QueueState", "TrainingSpec", "TrainingStatus", "carry", "read_queue", "run_queue"]
