"""What the engine needs to know of each system: how to start it, talk to it and read its evidence."""
