"""Training recipes: the pose network and the person detector."""
