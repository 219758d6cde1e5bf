"""Bandeau: ask, enforce, prove, verify."""
