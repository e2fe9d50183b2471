"""What the processes of a run tell each other at every safe point, in one message.

The generators' states of all are there in each, so that what is left of a run can save
when a process is lost. They go as bytes in one collective, which nobody decodes until
they are needed: ``all_gather_object`` takes two, and decodes in every process.
"""

import pickle
from typing import Any

import torch
from mmengine.dist import all_gather_object, get_comm_device, get_world_size
from torch import Tensor

_SPARE = 4096  # bytes by which states may outgrow their first message
_LENGTH = 8  # bytes that tell how long the states are; one for the stop before them


class Exchange:
    """Stop requests and generators' states of all processes.

    Made in every process of the run, as :meth:`tell` is called in every process.

    Args:
        random: States of this process's generators, see ``random_states``.
    """

    def __init__(self, random: dict[str, Any]) -> None:
        self._world = get_world_size()
        self._random = random
        self._told: Tensor | None = None
        self._size = max(all_gather_object(len(_packed(random)))) + _SPARE

    def tell(self, stop: bool, random: dict[str, Any]) -> bool:
        """Tell the others; whether any process was asked to stop."""
        self._random = random
        if self._world == 1:
            return stop
        device = get_comm_device()
        told = torch.empty(self._world * self._size, dtype=torch.uint8, device=device)
        mine = message(stop, random, self._size).to(device)
        torch.distributed.all_gather_into_tensor(told, mine)
        self._told = told.cpu().view(self._world, self._size)
        return bool(self._told[:, 0].any())

    def random_states(self) -> list[dict[str, Any]]:
        """What was told last, in the order of ranks."""
        if self._told is None:
            return [self._random]
        return [states_of(row) for row in self._told]


def message(stop: bool, random: dict[str, Any], size: int) -> Tensor:
    """(size,) uint8: whether to stop, then the states and how long they are."""
    packed = _packed(random)
    if (length := 1 + _LENGTH + len(packed)) > size:
        raise ValueError(f"generators' states take {length} bytes, expected {size}")
    head = bytes([stop]) + len(packed).to_bytes(_LENGTH, "little")
    text = bytearray(head + packed).ljust(size, b"\0")
    return torch.frombuffer(text, dtype=torch.uint8)


def states_of(message: Tensor) -> dict[str, Any]:
    """The states in a message."""
    data = message.numpy().tobytes()
    begin = 1 + _LENGTH
    end = begin + int.from_bytes(data[1:begin], "little")
    random = pickle.loads(data[begin:end])
    random["torch"] = torch.from_numpy(random["torch"].copy())
    if "cuda" in random:
        random["cuda"] = [torch.from_numpy(state.copy()) for state in random["cuda"]]
    return random


def _packed(random: dict[str, Any]) -> bytes:
    # Arrays: pickling a tensor takes longer than all the rest.
    plain = {**random, "torch": random["torch"].numpy()}
    if "cuda" in random:
        plain["cuda"] = [state.numpy() for state in random["cuda"]]
    return pickle.dumps(plain, pickle.HIGHEST_PROTOCOL)
