"""Ways into other libraries, and code that needs an optional extra, which its error names. The library itself imports none of it."""
