"""Evaluation: an estimate against its reference, benchmarks, and the demonstration."""

from shsrd.evaluation.benchmark import BenchmarkResult, Simulation, benchmark_cave, benchmark_scenes
from shsrd.evaluation.compare import Comparison, compare
from shsrd.evaluation.scene_pair import open_pair

__all__ = ["BenchmarkResult", "Comparison", "Simulation", "benchmark_cave", "benchmark_scenes", "compare", "open_pair"]
