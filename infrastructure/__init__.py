"""Everything that touches the world: PostgreSQL, HTTP, the command line, providers, keys, the clock."""
