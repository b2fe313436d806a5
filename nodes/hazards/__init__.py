"""What can be made to go wrong on a machine of one's own, as root: its disk, its network, its clocks.

It is carried out by the agent on the machine, so it imports the standard library and what is sent along with it.
"""
