"""Machines of kind vagrant: virtual machines, with clocks, kernels, disks and a power supply of their own."""
