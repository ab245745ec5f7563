"""Removes secrets from addresses: users, passwords and queries.

One function, `without_secrets`, filters all text that leaves the program (messages, notes, logs,
tracebacks, records, titles, pages). It accepts any text, with or without addresses in it, and is
idempotent. It handles what people type rather than RFC 3986: passwords with unescaped ``/ # ? @``,
misspelt schemes, no scheme at all.
"""

from __future__ import annotations

import contextlib
import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]+")
"""Two letters or more: C:/ is a drive."""

_AT = re.compile(r"@|%(?:25)*40")
"""An @, also one that was percent-encoded by mistake."""

_PORT = r"(?::\d{1,5}(?![\w.]))?"
_KNOWN_HOST = re.compile(rf"(?:\[[\w:.%-]*\]|[\w.-]+){_PORT}(?=[,.;:!)\]}}>'\"]*(?:[/?#]|\s|$))|(?=\s|$)")
"""Where no @ precedes it."""

_HOST = re.compile(rf"\[[\w:.%-]*\]{_PORT}|[0-9A-Fa-f]*(?::[0-9A-Fa-f.]*){{2,}}|[\w.-]*{_PORT}")
"""After an @; an IPv6 address may lack its brackets."""

_STEP = re.compile(r"/(?:[\w.~+,()!-]|%[2-7][0-9A-Fa-f])*(?=[,.;:!)\]}>'\"]*(?:[/?#]|\s|$))")
"""A path segment that is a plain name: some cameras use /user=NAME_password=WORD/ as well."""

_QUERY_WITH_AT = re.compile(r"[^/?#@:]*(?::\d+)?(?:/[^?#@]*)?[?#][^@]*=")
"""HOST/PATH?user=ME@ELSEWHERE: what follows the @ is no host."""

_CLOSING = re.compile(r"[)\]}>'\",.;:!]*$")
"""Punctuation that a sentence puts after an address."""

_OPENING = re.compile(r"(?:--?[\w-]+=)?['\"(\[{<]*")

_NUMBERED = re.compile(
    r"[\w.%+~-]+(?:@|%40)(?:\d+\.\d+\.\d+\.\d+|localhost|\[[\w:.%]+\]|[\w.-]+:\d+)(?![\w.])"
)
"""USER@HOST without a scheme, where HOST is surely one: icon@2x.png is a picture."""

_NAMED = re.compile(
    r"((?:user(?:name)?|usr|login|pwd|pass(?:wd|word|phrase)?|(?:access_?)?token|api_?key|auth|secret"
    r"|sig(?:nature)?)=)[^\s&'\"]+",
    re.IGNORECASE,
)
"""cgi?user=NAME&pwd=WORD without a scheme."""


def without_secrets(text: str) -> str:
    """Return `text` with the secrets removed from every address in it.

    Everything between the scheme (or the start) and the last @ before a space is removed, and so is
    everything after a ?, a # or a path segment that is not a plain name.
    """
    if "@" not in text and "%" not in text and ":" not in text and "=" not in text:
        return text
    done, at = [], 0
    while found := _SCHEME.search(text, at):
        rest, end = _rest(text, found)
        done += [_without_scheme(text[at : found.start()]), found[0], _shown(rest)]
        at = end
    return "".join([*done, _without_scheme(text[at:])])


def shown(source: str) -> str:
    """Like `without_secrets`, for a string known to be a single address: spaces are part of it."""
    whole = re.sub(r"\s", "%20", source)
    hidden = _shown(whole) if _SCHEME.search(whole) is None and _AT.search(whole) else without_secrets(whole)
    return source if hidden == whole else hidden


def is_address(text: str) -> bool:
    """Whether the text is unambiguously an address: it has a scheme, or a user and a password."""
    return _SCHEME.match(text) is not None or without_secrets(text) != text


def needs_escapes(address: str) -> bool:
    """Whether the user or password contains characters that must be percent-encoded (%2F %23 %3F %40)."""
    scheme = _SCHEME.match(address)
    ats = list(_AT.finditer(address))
    begin = scheme.end() if scheme else 0
    return bool(ats) and re.search(r"[/#?@\s\\]", address[begin : ats[-1].start()]) is not None


def scrub(error: BaseException) -> BaseException:
    """Remove secrets from an error and the errors it was raised from: a traceback may print them all."""
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.args = tuple(map(_scrubbed, one.args))
        if isinstance(one, OSError) and isinstance(getattr(one, "filename", None), str):
            with_name = _scrubbed(one.filename)
            if with_name != one.filename:
                with contextlib.suppress(AttributeError):  # PyAV's are made from `args`
                    one.filename = with_name
        one = one.__cause__ or one.__context__
    return error


def _scrubbed(value: object) -> object:
    if isinstance(value, str):
        return without_secrets(value)
    return tuple(map(_scrubbed, value)) if isinstance(value, tuple) else value


def _rest(text: str, scheme: re.Match[str]) -> tuple[str, int]:
    """Return the address after its scheme, and where it ends: at a space, or later."""
    begin = scheme.end()
    word = re.compile(r"\S*").match(text, begin)
    assert word is not None
    end = word.end()
    quote = text[scheme.start() - 1 : scheme.start()]
    if quote and quote in "'\"`":
        closing = text.find(quote, begin)
        # In quotes a space is part of the address; a quote may be part of it too.
        if closing > end and _AT.search(text, end, closing):
            end = closing
    elif not _AT.search(text, begin, end) and re.match(r"[^\s/\[]*:(?!\d+(?:[/?#]|$))[^\s/]", word[0]):
        # USER:PA SS@HOST: what is no host is the beginning of something that goes on behind the space.
        line = text[end:].partition("\n")[0]
        ats = list(_AT.finditer(line))
        if ats:
            end += ats[-1].end()
            further = re.compile(r"\S*").match(text, end)
            assert further is not None
            end = further.end()
    return text[begin:end], end


def _shown(rest: str) -> str:
    """Return the host, the port, and the path segments that are plain names, of the text after a scheme."""
    ats = list(_AT.finditer(rest))
    begin = ats[-1].end() if ats else 0
    host = (_HOST if ats else _KNOWN_HOST).match(rest, begin)
    closing = _CLOSING.search(rest)
    assert closing is not None
    if host is None or (ats and _QUERY_WITH_AT.match(rest[:begin])):
        return "..." + rest[closing.start() :].lstrip(".")
    end = host.end()
    while step := _STEP.match(rest, end):
        end = step.end()
    name = f"[{host[0]}]" if host[0].count(":") > 1 and host[0][0] != "[" else host[0]
    return name + rest[host.end() : end] + rest[max(end, closing.start()) :]


def _without_scheme(text: str) -> str:
    """Redact text without any scheme: words that can only be addresses with a user in them."""
    if "@" not in text and "%" not in text and "=" not in text:
        return text
    return _NAMED.sub(r"\1***", re.sub(r"\S+", lambda word: _word(word[0]), text))


def _word(word: str) -> str:
    ats = list(_AT.finditer(word))
    if not ats:
        return word
    opening = _OPENING.match(word)
    assert opening is not None
    before = word[opening.end() : ats[-1].start()]
    before = re.sub(r"^[A-Za-z]:(?=[/\\])", "", before)  # a drive
    if ":" in before or _NUMBERED.match(word, opening.end()):
        return opening[0] + _shown(word[opening.end() :])
    return word
