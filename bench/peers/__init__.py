"""The peers: servers that answer the same requests with other frameworks. See bench/README.md."""
