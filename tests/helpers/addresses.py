"""Addresses as people write them, with a user "admin" and a password that ends in "cret9"."""

from __future__ import annotations

import re

SECRETS = re.compile(r"admin|cret9", re.IGNORECASE)
"""Any part of the user or the password."""

FORMS = [
    "rtsp://admin:cret9@127.0.0.1:9/x",
    "rtsp://admin:se/cret9@127.0.0.1:9/x",
    "rtsp://admin:se#cret9@127.0.0.1:9/x",
    "rtsp://admin:se?cret9@127.0.0.1:9/x",
    "rtsp://admin:se@cret9@127.0.0.1:9/x",
    "rtsp://admin:se:cret9@127.0.0.1:9/x",
    "rtsp://admin:se%2Fcret9@127.0.0.1:9/x",
    "rtsp://admin:se%20cret9@127.0.0.1:9/x",
    "rtsp://admin:se/1?2#3@cret9@127.0.0.1:9/x",
    "rtsp://admin:123/cret9@127.0.0.1:9/x",
    "rtsp://ad/admin:cret9@127.0.0.1:9/x",
    "rtsp://admin@127.0.0.1:9/x",
    "rtsp://:cret9@127.0.0.1:9/x",
    "rtsp://admin:cret9@[::1]:9/x",
    "rtsp://admin:cret9@[fe80::1%25eth0]:9/x",
    "rtsp://admin:cret9@::1/x",
    "rtsp://admin%3Acret9%40127.0.0.1:9/x",
    "RTSP://admin:cret9@127.0.0.1:9/x",
    "rstp://admin:cret9@127.0.0.1:9/x",
    "rstp://admin:se/cret9@127.0.0.1:9/x",
    "rtsp:/admin:cret9@127.0.0.1:9/x",
    "rtsp:admin:cret9@127.0.0.1:9/x",
    "rtsp//admin:cret9@127.0.0.1:9/x",
    "//admin:cret9@127.0.0.1:9/x",
    "admin:cret9@127.0.0.1:9/x",
    "admin:se/cret9@127.0.0.1:9/x",
    "admin@127.0.0.1:9/x",
    "rtsp://admin:cret9",
    "rtsp://admin:se/cret9",
    "http://127.0.0.1:9/v.cgi?user=admin&pwd=cret9",
    "http://127.0.0.1:9/v.cgi?user=me@admin&pwd=cret9",
    "http://127.0.0.1:9/v.cgi#token=cret9",
    "127.0.0.1:9/v.cgi?user=admin&pwd=cret9",
    "rtsp://127.0.0.1:9/user=admin&password=cret9&channel=1",
    "rtsp://127.0.0.1:9/user=admin_password=cret9_channel=1_stream=0.sdp?real_stream",
    "https://127.0.0.1:9/x.m3u8?access_token=cret9",
    "srt://127.0.0.1:9?passphrase=cret9&mode=caller",
    "rtmp://admin:cret9@127.0.0.1:9/live",
]
