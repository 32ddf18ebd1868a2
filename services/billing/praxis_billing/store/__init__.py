"""Mapped classes and named queries of billing."""
