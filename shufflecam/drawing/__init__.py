"""Drawing of skeletons, hidden faces and text into pictures."""
