"""Where other libraries are met."""
