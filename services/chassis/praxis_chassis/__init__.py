"""The runtime that every service shares: transactions, events, errors, security and process life; no domain nouns."""
