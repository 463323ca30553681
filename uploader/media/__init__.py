"""What is in a video file, read in a limited child process: probe, frame, HLS."""
