"""The Canal Courier: a small news site to see Bandeau in.

    python -m examples.newsroom

The paper is an ordinary site: its pages name their third parties as any site does, and
nothing in them waits for consent. What holds them back is Bandeau, around the pages.
The third parties are stand-ins on other host names of the same process.
"""
