"""The few options of curl that the tour uses, for machines that have none."""

import sys
from pathlib import Path

import httpx


def main(arguments: list[str]) -> int:
    """`curl -s URL [-H HEADER]… [-d DATA | -d @FILE]`."""
    url, headers, data = "", {}, None
    words = iter(arguments)
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            value = next(words)
            data = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
        elif word != "-s":
            url = word
    answer = httpx.request("POST" if data is not None else "GET", url, headers=headers, content=data)
    sys.stdout.write(answer.text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
