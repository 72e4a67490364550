"""A queue of trainings: one file lists them, one command runs them under a time limit and goes on where it stopped."""

from shsrd.training.queue.carry import carry
from shsrd.training.queue.home import Home, Status
from shsrd.training.queue.runner import run_queue
from shsrd.training.queue.settings import DataSet, Queue, Training, read_queue

__all__ = ["DataSet", "Home", "Queue", "Status", "Training", "carry", "read_queue", "run_queue"]
