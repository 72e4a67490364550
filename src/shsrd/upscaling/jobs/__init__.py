"""File-to-file runs: jobs, tile cache, executors, batches and records."""
