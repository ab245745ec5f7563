"""What a person sees and does while `webcam` runs: keys, the HUD, snapshots, recordings, the web page."""
