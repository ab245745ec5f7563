"""The application: a file for each task of a user, from option values to results."""
