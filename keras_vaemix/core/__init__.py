"""What every room may use: saved-from-constructor objects, seeds, shapes, supports, replicas, batches."""
