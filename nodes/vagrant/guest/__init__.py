"""What is done on a virtual machine itself, as root: its disk, its network, its clocks.

These modules are copied to the machine, so they know nothing but the standard library.
"""
