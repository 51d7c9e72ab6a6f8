"""The few options of curl that the tour uses, for machines that have none."""

import sys
from pathlib import Path

import httpx


def main(arguments: list[str]) -> int:
    """`curl -s URL [-H HEADER]… [-d DATA | -d @FILE | -F NAME=TEXT -F NAME=@FILE …]`."""
    url, headers, data = "", {}, None
    parts: list[tuple[str, tuple[str | None, bytes]]] = []
    words = iter(arguments)
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            value = next(words)
            data = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
        elif word == "-F":
            name, _, value = next(words).partition("=")
            file = Path(value[1:]) if value.startswith("@") else None
            parts.append((name, (file.name, file.read_bytes()) if file else (None, value.encode())))
        elif word != "-s":
            url = word
    answer = httpx.request(
        "GET" if data is None and not parts else "POST", url, headers=headers, content=data, files=parts or None
    )
    sys.stdout.write(answer.text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
