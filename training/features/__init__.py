"""Networks whose features judge images."""
