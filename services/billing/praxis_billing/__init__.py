"""Billing: catalog, charges, the double-entry ledger, payments and statements."""
