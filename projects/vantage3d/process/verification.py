"""Whether checksums are compared when files are read."""

import os

# Set by ``--no-verify`` of every tool; worker processes inherit it.
NO_VERIFY = "VANTAGE3D_NO_VERIFY"


def verifying() -> bool:
    """Whether nobody switched it off."""
    return not os.environ.get(NO_VERIFY)
