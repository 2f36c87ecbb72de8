"""Proof that somebody owns a wallet: by its key, or by asking the contract that it is."""
