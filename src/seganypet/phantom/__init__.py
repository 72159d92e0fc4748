"""Room: phantom."""
