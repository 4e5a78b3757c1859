"""The mesh: how nodes exchange parcels. It knows peers, lanes and signatures; what to send and keep, the mailroom knows."""
