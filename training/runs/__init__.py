"""Run folders: kept after each epoch, resumed to the same bits, left whole by a signal."""
