"""One file per way in which a visitor or a partner speaks: what we take it to mean."""
