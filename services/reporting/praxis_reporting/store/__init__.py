"""Tables and queries of the read models."""
