"""Instances found on some points and judged on others: what online methods report.

A stream finds instances on the points that it drew, or on voxels; the truth of a scene
is labelled on a cloud of its own. Each true point gets what the nearest predicted point
has. ESAM as released takes the nearest however far it is, and then gives every segment
of the mesh to an instance whole or not at all.
"""

from typing import NamedTuple

from vantage3d.checks import check_choice

LIMIT = 0.1  # metres from a true point beyond which it was not observed


class Protocol(NamedTuple):
    """How instances come from the points they were found on to those of the truth.

    Attributes:
        limit: Metres to the nearest point; beyond it nothing was found. None for the
            nearest however far it is.
        smooth: Whether segments of the cloud belong to an instance whole or not at all.
    """

    limit: float | None
    smooth: bool


PROTOCOLS = {
    "nearest": Protocol(None, smooth=False),
    "nearest_smooth": Protocol(None, smooth=True),  # ESAM's, as released
    "near": Protocol(LIMIT, smooth=False),
    "near_smooth": Protocol(LIMIT, smooth=True),
}


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        ValueError: If there is none.
    """
    check_choice("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
