"""The one error that is the user's to mend."""


class InputError(ValueError):
    """Bad input: one sentence that names the file or key, what is wrong and what to do.

    Stages print the sentence alone, without a traceback, and exit with status 1.
    """
