"""Where the system runs: on one machine, on one host with containers, on a cluster."""
