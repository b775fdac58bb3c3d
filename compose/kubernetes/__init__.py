"""Manifests for Kubernetes, made of what compose.yaml and prometheus/ say."""
