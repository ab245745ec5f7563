"""Measures the speed of each stage, and of the pipeline against a naive baseline and other tools."""
