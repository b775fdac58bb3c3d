"""What writes to the event log: replay of files, injected drift with its ground truth, load."""
