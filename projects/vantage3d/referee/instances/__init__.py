"""The task ``instances``: masks over the points of scans or frames."""
