"""`python -m bench NAME [--quick]`, without the service's own command line."""

import argparse
import sys

from bench import BENCHES, main

parser = argparse.ArgumentParser(prog="bench", description="Measure the service against its peers.")
parser.add_argument("name", choices=list(BENCHES))
parser.add_argument("--quick", action="store_true", help="under a minute")
arguments = parser.parse_args()
try:
    sys.exit(main(arguments.name, quick=arguments.quick))
except KeyboardInterrupt:
    sys.exit(130)
