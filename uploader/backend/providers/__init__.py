"""Who stores, transcodes and plays the videos."""
