"""Accounts at vendors: connected with OAuth 2 or with a token, kept fresh, and the choices that forms offer from them."""
