"""Cloudflare Stream: `provider` is what it does for us, `said` what it says."""
