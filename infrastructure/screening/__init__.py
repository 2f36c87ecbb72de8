"""Screening sources: each an adapter in one file, beyond which no vendor's word goes."""
