"""The words of the page that ends letters, in the languages that letters have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.notifications.letter import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

LONGEST = 200
"""Characters of an Accept-Language that are looked at."""


@dataclass(frozen=True)
class Words:
    """One language. The sentences have a place for what the letters are `about`."""

    language: str
    ask: str
    will: str
    button: str
    did: str
    stopped: str
    broken: str
    incomplete: str
    about: Mapping[Topic, str]

    def question(self, topic: Topic, token: str) -> dict[str, str]:
        """What the page says before."""
        sentence = self.will.format(about=self.about[topic])
        return self._page(self.ask, sentence, token)

    def done(self, topic: Topic) -> dict[str, str]:
        """What it says afterwards, however often."""
        return self._page(self.did, self.stopped.format(about=self.about[topic]))

    def dead(self) -> dict[str, str]:
        """What it says to an address that is none of ours."""
        return self._page(self.broken, self.incomplete)

    def _page(self, title: str, sentence: str, token: str = "") -> dict[str, str]:
        return {
            "language": self.language, "title": title, "sentence": sentence, "button": self.button, "token": token,
        }  # fmt: skip


ENGLISH = Words(
    language="en",
    ask="No more of these letters?",
    will="We will stop writing to you about {about}. Letters about the security of your account, about bills, and "
    "about a charge that is ahead still reach you.",
    button="Stop these letters",
    did="These letters have stopped",
    stopped="We will not write to you about {about} any more. You can switch these letters on again in your account.",
    broken="This link does not work",
    incomplete="Part of its address is missing. Follow the link of the letter once more, or switch the letters off in "
    "your account.",
    about={Topic.TRIAL: "your trial", Topic.PRODUCT: "what is new and what you may like"},
)
GERMAN = Words(
    language="de",
    ask="Keine solchen Briefe mehr?",
    will="Wir schreiben Ihnen dann nicht mehr über {about}. Briefe zur Sicherheit Ihres Kontos, zu Rechnungen und "
    "vor einer Abbuchung erreichen Sie weiterhin.",
    button="Diese Briefe abbestellen",
    did="Diese Briefe sind abbestellt",
    stopped="Wir schreiben Ihnen nicht mehr über {about}. In Ihrem Konto können Sie diese Briefe wieder einschalten.",
    broken="Dieser Link funktioniert nicht",
    incomplete="Ein Teil der Adresse fehlt. Folgen Sie dem Link des Briefs noch einmal, oder schalten Sie die Briefe "
    "in Ihrem Konto aus.",
    about={Topic.TRIAL: "Ihre Testzeit", Topic.PRODUCT: "Neues und was Ihnen gefallen könnte"},
)


def words_for(request: Request) -> Words:
    """The words in the language that the reader's browser asks for first; English where we have no such."""
    first = request.headers.get("accept-language", "")[:LONGEST].partition(",")[0].strip().lower()
    return GERMAN if first.partition(";")[0].partition("-")[0] == "de" else ENGLISH
