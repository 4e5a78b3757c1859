"""The MCP server: one file a tool, and the socket on which session processes are served."""
