"""Reelferry: a desktop uploader for video creators, and the backend it talks to."""

__version__ = "0.1.0"
