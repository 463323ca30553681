"""What is in a video file, read in a limited child process: probe, frame, HLS."""

from uploader.media.ask import frame, hls, probe
from uploader.media.facts import HlsResult, Probe, Rendition
from uploader.media.process import Cancelled

__all__ = ["Cancelled", "HlsResult", "Probe", "Rendition", "frame", "hls", "probe"]
