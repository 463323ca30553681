"""Reads our pages the way a browser and a screen reader do."""

from html.parser import HTMLParser

VOID = frozenset({"input", "meta", "link", "br", "img"})


class Reading(HTMLParser):
    """The elements of a page, in order, each with its attributes and its own text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[int] = []
        self.feed(page)
        assert not self._open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.append("")
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> str:
        """The text of the first element of this kind."""
        return next(text for (name, _), text in zip(self.elements, self.texts, strict=True) if name == tag)

    def by_id(self, identifier: str) -> str:
        """The text of the one element with this id."""
        (found,) = [text for (_, a), text in zip(self.elements, self.texts, strict=True) if a.get("id") == identifier]
        return found

    def inputs(self) -> list[dict[str, str]]:
        """The inputs a person sees."""
        return [one for one in self.all("input") if one["type"] != "hidden"]
