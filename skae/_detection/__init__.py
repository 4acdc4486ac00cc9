"""Anomaly scores of samples and of their features."""
