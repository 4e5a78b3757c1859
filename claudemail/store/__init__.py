"""The store: SQLite, one module per noun. Its functions take a connection inside a transaction and are synchronous."""
