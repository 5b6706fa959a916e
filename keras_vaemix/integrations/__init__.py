"""Code that needs an optional extra."""
