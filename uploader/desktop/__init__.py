"""The window: Qt widgets over a model of the queue."""
