"""Runs the command line: `python -m praxis_local run`, or `praxis run` where it is installed."""

from praxis_local.cli import main

if __name__ == "__main__":
    main()
