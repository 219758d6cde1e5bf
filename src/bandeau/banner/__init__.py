"""What a browser receives: the first layer, the settings, their style and script.

Rendered once per notice and language, from the frozen texts of the notice alone.
"""
