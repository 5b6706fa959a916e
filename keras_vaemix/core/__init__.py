"""What every room may use: objects saved from their constructor, seeds, shapes, supports, replicas, batches."""
