"""What a network will need of a device's memory, before there is a device.

``counting`` counts the bytes of live tensors while a network runs, without having any
of them: fake tensors have shapes and no values. ``subjects`` knows what each system is
shown, ``plan`` makes the table of ``vantage3d plan``.
"""
