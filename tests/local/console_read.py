"""Reads a page of the console as a reader does."""

from html.parser import HTMLParser

from starlette.testclient import TestClient


class Read(HTMLParser):
    """What a reader sees, and the elements there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(client: TestClient, address: str, status: int = 200) -> Read:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return Read(answer.text)
