"""Track ids from frame to frame, and smoothed keypoints."""
