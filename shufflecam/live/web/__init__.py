"""The live page in the browser: its server, its event stream and who may see it."""
