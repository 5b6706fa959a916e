"""Command lines that train, evaluate and measure."""
