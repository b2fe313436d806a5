"""What works for the harness on a machine reached over SSH: sent there, started there, gone at the end.

It imports the standard library and what is sent along (`nodes.linux`), so any host with Python 3.11 will do. It
outlives the connection through which it was started, and undoes everything by itself when nobody comes back.
"""
