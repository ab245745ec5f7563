"""Still pictures and folders of them: formats, bit depth, colour."""
