"""KYC providers, each behind the port, and what all of them state alike. A vendor's words stop at its own files."""
