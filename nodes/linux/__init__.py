"""What a Linux host makes machines of: namespaces, file systems, processes.

It imports the standard library, and of the harness only its errors and what it says about tasks, so that it can
be sent to any host with Python 3.11. There it is called by an agent; on the harness's own host, directly.
"""
