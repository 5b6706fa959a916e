"""Networks whose features are used to evaluate images."""
