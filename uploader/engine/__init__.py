"""What happens to a file, from drop to post. No Qt."""
