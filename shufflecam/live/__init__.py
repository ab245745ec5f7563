"""The user interface of a live run: keys, the HUD, snapshots, recordings and the web page."""
