"""Claims: from charges to X12 claims, acknowledgments and remittances."""
