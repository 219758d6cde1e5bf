"""`python -m bandeau`: the command line, where no script of that name is on the path."""

from bandeau.cli import app

if __name__ == "__main__":
    app(prog_name="bandeau")
