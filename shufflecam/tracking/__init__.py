"""Who is who from frame to frame, and keypoints held steady."""
