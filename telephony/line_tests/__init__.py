"""Lines test themselves: each morning a simulated call, which rings nobody and costs nothing."""
