"""The sandbox's own vendors: a screening source and a KYC provider that answer as they are told.

They speak through the same ports, pages and signed callbacks as real ones. Production mode has none of them.
"""
