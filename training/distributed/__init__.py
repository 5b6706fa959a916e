"""Workers: TF_CONFIG, strategies, and files for schedulers."""
