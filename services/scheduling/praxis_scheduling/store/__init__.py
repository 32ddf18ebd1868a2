"""The tables of scheduling and the queries on them."""
