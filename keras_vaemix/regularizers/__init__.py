"""Terms of losses that are not a likelihood's: costs, discrepancies, penalties, moments, critics."""
