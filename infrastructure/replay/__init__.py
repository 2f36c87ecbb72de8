"""Replay: the log folded again, and compared with the read models row by row."""
