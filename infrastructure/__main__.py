"""`python -m infrastructure`: the command line."""

from infrastructure.cli import main

main()
