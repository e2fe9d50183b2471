"""What can be judged, by name."""

from importlib import import_module

from vantage3d.checks import check_choice
from vantage3d.referee.protocol import Protocol, find_protocol
from vantage3d.referee.task import Task

TASKS = {  # name -> module of this room, and its class
    "instances": ("instances.task", "InstancesTask"),
    "streams": ("streams.task", "StreamsTask"),
    "depth": ("depth.task", "DepthTask"),
    "clouds": ("clouds.task", "CloudsTask"),
    "poses": ("poses.task", "PosesTask"),
}


def find_task(name: str, protocol: str) -> Task:
    """A task under one of its protocols.

    Args:
        name: Of the task.
        protocol: Name of a shipped one, or the path of one's own.

    Raises:
        ValueError: If there is no such task, or no such protocol of it.
    """
    check_choice("task", name, TASKS)
    return task_under(find_protocol(protocol, name))


def task_under(protocol: Protocol) -> Task:
    """The task of a protocol.

    Raises:
        ValueError: If its choices are none that the task can make.
    """
    module, kind = TASKS[protocol.task]
    return getattr(import_module(f"vantage3d.referee.{module}"), kind)(protocol)
