"""What the parts of a detector's config must agree on."""

from collections.abc import Mapping


def check_options(
    query_thr: float, num_classes: int, decoder: Mapping, train_cfg: Mapping | None
) -> None:
    """Raise ValueError unless the options are possible and fit the decoder."""
    if not 0 < query_thr <= 1:
        raise ValueError(f"`query_thr` must be in (0, 1], got {query_thr}")
    classes = decoder["num_instance_classes"]
    if num_classes not in (1, classes):
        raise ValueError(
            f"`num_classes` must be 1 or the decoder's num_instance_classes {classes}, "
            f"got {num_classes}"
        )
    if train_cfg:
        raise ValueError(f"`train_cfg` must be empty, got options {sorted(train_cfg)}")


def check_image_channels(given: int | None, users: Mapping[str, int | None]) -> None:
    """Raise ValueError unless image features are there exactly where they are used.

    Args:
        given: Channels of the features, None without any.
        users: Channels that a part of the model takes, by its name; None for a part
            that is absent or takes none.
    """
    wanted = {name: channels for name, channels in users.items() if channels}
    if set(wanted.values()) != ({given} if given else set()):
        raise ValueError(
            "`image_features` must be given where something uses them, with the "
            f"same channels: got channels {given}, the users want {wanted or 'none'}"
        )
