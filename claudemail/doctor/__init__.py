"""The doctor: examines one node, from its config to its peers, and mends what can safely be mended."""
