"""The HTTP API: routes turn requests into commands and rows into resources."""
