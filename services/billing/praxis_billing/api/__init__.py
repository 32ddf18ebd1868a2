"""The RPCs of billing."""
