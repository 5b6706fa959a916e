"""Run folders: kept after each epoch, resumed bit for bit, left intact by signals."""
