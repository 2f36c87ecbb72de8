"""What auditors take away: bundles of entries, and the one file that checks them."""
