"""Skeletons, faces and text drawn into pictures."""
