"""The event log on PostgreSQL: the library's application and format, our append."""
