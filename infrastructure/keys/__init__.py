"""The deployment's own keys: where they come from, what they seal and sign, and how they are replaced."""
