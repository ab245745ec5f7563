"""Crops, heatmaps, keypoints."""
