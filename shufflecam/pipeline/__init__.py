"""Threads and queues between source, networks and sinks, and how a run ends."""
