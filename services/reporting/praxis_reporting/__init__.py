"""Reporting: read models of what happened in all services, and the built-in reports over them."""
