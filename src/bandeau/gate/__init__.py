"""From verdicts to what leaves the server: held-back tags, cookies, policies.

Pure: no clock, environment, file, socket or framework. The integrations apply it.
"""
