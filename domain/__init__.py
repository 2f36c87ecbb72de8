"""What a customer is and what may happen. Pure: the standard library and pydantic only."""
