"""Purposes, services, notices, choices and the choice cookie: frozen values.

Nothing in here reads a clock, a file, an environment or a socket.
"""
