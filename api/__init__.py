"""The example inference service, and the console."""
