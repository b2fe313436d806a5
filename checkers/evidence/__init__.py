"""What a run shows about its writes: who wrote what, who held it when, who led, what faults destroyed."""
