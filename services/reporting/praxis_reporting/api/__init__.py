"""The RPCs of reporting."""
