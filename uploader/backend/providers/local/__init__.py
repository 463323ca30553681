"""The provider in this process: tus server, HLS by PyAV, signed playback."""
