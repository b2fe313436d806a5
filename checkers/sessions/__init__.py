"""What clients saw from read to read: session guarantees, prefixes, lag of replicas; and epochs that go on."""
