"""Public names in saved files, which do not change if a private module does."""

TRUSTED_TYPES: list[str] = []


def publish(module_name, *classes, trusted=True):
    """Give classes the name of the public module in which users find them.

    Parameters
    ----------
    module_name : str
    *classes : type
    trusted : bool, default=True
        Whether skops may load the classes: whether they are added to `TRUSTED_TYPES`.
    """
    for kind in classes:
        kind.__module__ = module_name
        if trusted:
            TRUSTED_TYPES.append(f"{module_name}.{kind.__name__}")
