"""The mistakes a user can make. `train_test.py` prints each as one line and exits with status 2."""


class UserError(Exception):
    """Something the user can mend; the message is one line that says what and how."""


class ConfigError(UserError):
    """A mistake in a cfg or on the command line."""


class DataError(UserError):
    """A dataset, or a file of one, that is missing, damaged or not what the cfg says."""
