"""X12 codec of Praxis: bytes in, immutable records with exact cents out, and 837P bytes back."""
