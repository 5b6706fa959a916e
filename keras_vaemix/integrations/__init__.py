"""What needs an optional extra."""
