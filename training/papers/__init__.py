"""The papers' tables: their rows, measured rows, verdicts, and the pages that show them."""
