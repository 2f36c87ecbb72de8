"""Policies: pure functions from evidence to a verdict with reason codes.

A policy's name with its version goes into every event that it decides. A changed rule is a new version beside the
old one, so that a recorded decision can always be taken again.
"""
