"""Anyone's history, read as columns: ours, and those that Jepsen, elle-cli and their like write."""
