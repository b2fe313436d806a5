"""Many simulated runs: search for a violation, shrink it, replay it, and prove that planted bugs are found."""
