"""What is stored about a caller: found, exported, and erased on request."""
