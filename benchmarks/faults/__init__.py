"""What comes of faults: this package beside the best-known clients, and a soak's figures."""
