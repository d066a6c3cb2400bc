"""The mistakes a user can make. `train_test.py` prints each as one line and exits with status 2."""


class UserError(Exception):
    """Something the user can mend; the message is one line: what is wrong and what to do."""


class ConfigError(UserError):
    """A mistake in a cfg or on the command line.

    Args:
        message: one line.
        option: the option whose value is wrong. The resolved cfg knows where that value was given,
            and puts the place before the message.
    """

    def __init__(self, message: str, option: str | None = None):
        super().__init__(message)
        self.option = option


class DataError(UserError):
    """A dataset, or a file of one, that is missing, damaged or not what the cfg says."""
