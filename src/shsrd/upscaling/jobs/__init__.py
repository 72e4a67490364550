"""Jobs: scenes from file to file, with a tile cache, resuming, workers and provenance."""
