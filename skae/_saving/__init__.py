"""Saved models: plain data with versions and a checksum."""
