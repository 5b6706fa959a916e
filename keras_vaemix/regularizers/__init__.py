"""Loss terms other than likelihoods: costs, discrepancies, penalties, moments and adversarial losses."""
