"""Figures of models and detectors against annotations."""
