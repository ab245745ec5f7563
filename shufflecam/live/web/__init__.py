"""The live page in the browser: its server, event stream and access control."""
