"""A clearinghouse and its payers, simulated: 837 files in, TA1, 999, 277CA and 835 files out."""
