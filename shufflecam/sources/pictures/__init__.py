"""Single pictures and folders of them: formats, depth, colour."""
