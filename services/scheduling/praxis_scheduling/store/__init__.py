"""Tables and named queries; tables that refer to each other are known before the first statement is compiled."""

from praxis_scheduling.store import authorizations, models, series, waitlist

__all__ = ["authorizations", "models", "series", "waitlist"]
