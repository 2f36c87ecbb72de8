"""Sanctions lists: reading what OFAC publishes, and keeping what was adopted."""
