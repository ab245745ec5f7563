"""The application: a file for each thing that people ask for, from values to figures."""
