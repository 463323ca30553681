"""The addresses of signing in: /oauth/*, the discovery document, and the first account's /setup link."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
