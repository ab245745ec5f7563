"""Timestamps that rise, from containers that disagree."""
