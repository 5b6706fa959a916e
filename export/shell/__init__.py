"""What all command lines share: flags, then the job, with a one-line error. Nothing here needs more than Python."""
