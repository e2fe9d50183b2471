"""The referee: anybody's predictions, judged under named protocols.

``evaluate`` reads predictions and truth in the formats that others write, and measures
by a ``Protocol``; its ``Result`` says by what, of what and with what, and ``compare``
refuses what cannot be compared. Every ``Task`` brings ``self_test``: a perfect answer
scores perfectly through each format, broken ones are told from it.
"""

from vantage3d.public_names import public_names

_MODULES = {
    "Protocol": "protocol",
    "Reader": "task",
    "Result": "result",
    "Task": "task",
    "compare": "comparison",
    "evaluate": "evaluate",
    "find_protocol": "protocol",
    "find_task": "tasks",
    "read_result": "result",
    "self_test": "self_test",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
