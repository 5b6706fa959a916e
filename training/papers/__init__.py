"""The papers' tables: their rows, what was measured of each, verdicts, and the pages that show them."""
