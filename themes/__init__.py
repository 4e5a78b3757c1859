"""The console's themes: one TOML file each, and the loader."""
