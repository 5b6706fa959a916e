"""What all command lines share: flags first, then the job, with one line for an error. Nothing in this room needs more than Python."""
