"""Values that flow, protocols, errors and what every room shares; imports no other room."""
