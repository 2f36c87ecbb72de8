"""The transparency log: entries, the Merkle tree over them, tiles, signed notes and proofs. Pure."""
