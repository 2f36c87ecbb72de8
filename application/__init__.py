"""How a change happens: load, decide, append. Ports, reactions and replay; no web, no SQL."""
