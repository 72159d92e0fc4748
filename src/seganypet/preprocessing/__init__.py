"""Room: preprocessing."""
