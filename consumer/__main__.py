"""`session-consumer`, also `python -m consumer`."""

from consumer.cli.main import main

if __name__ == "__main__":
    main()
