"""The errors that are the user's to mend."""

import errno

FULL = ("No space left", "Disk quota exceeded", "code: 28", "os error 28")
SHUT = ("Read-only file system", "Permission denied")


class InputError(ValueError):
    """Bad input: one sentence that names the file or key, what is wrong and what to do.

    Stages print the sentence alone, without a traceback, and exit with status 1.
    """


def disk_sentence(error: BaseException) -> str | None:
    """What to say of an error that the disk is to blame for; None for any other.

    Libraries wrap the system's error in their own, so its text counts too.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    if number in (errno.ENOSPC, errno.EDQUOT) or any(sign in text for sign in FULL):
        return "the disk is full; make room and start again, what is finished stays."
    if number in (errno.EROFS, errno.EACCES) or any(sign in text for sign in SHUT):
        return f"the disk cannot be written to ({error}); change that and start again."
    return None
