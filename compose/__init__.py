"""The image, everything on one machine by Docker Compose, and manifests for Kubernetes."""
