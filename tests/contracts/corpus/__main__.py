"""Add entries for the event types that have none."""

from tests.contracts.corpus import add_missing

if __name__ == "__main__":
    print(f"{add_missing()} entries added")
