"""`python -m chipweave`."""

from chipweave.cli.main import main

if __name__ == "__main__":
    main()
