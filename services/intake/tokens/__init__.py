"""People's tokens: which providers are trusted, with which keys they sign, and what a token proves."""
