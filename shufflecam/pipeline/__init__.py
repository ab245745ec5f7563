"""Threads and queues between source, networks and sinks, and the end of a run."""
