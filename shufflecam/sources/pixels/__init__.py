"""Convert decoded frames to upright 8-bit pictures: rotation, pixel aspect, deinterlacing, HDR to SDR."""
