"""`python -m cuewalk.audit` is the command `cuewalk` where that is not installed."""

from cuewalk.audit.cli import main

if __name__ == "__main__":
    main(prog_name="cuewalk")
