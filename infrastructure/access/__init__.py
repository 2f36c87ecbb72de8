"""Who calls: tokens of ours and of an OIDC issuer, and what becomes of whoever shows what lets nobody in."""
