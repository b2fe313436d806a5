"""`python -m harness` is `acked`."""

from harness.cli import main

if __name__ == "__main__":
    main()
