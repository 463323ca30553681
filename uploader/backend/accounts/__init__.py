"""Who may sign in, and the OAuth 2.0 server that lets them."""
