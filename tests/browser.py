"""A person at a browser, as far as our plain pages need one: follows links, fills in forms, keeps cookies."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


@dataclass
class Form:
    """One form of a page, as it would be sent."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")


class Browser:
    """Has a name and a password, and types them wherever a form asks."""

    def __init__(self, username: str = "ada", password: str = "correct horse battery") -> None:
        self.answers = {
            "username": username,
            "name": username.title(),
            "password": password,
            "password_again": password,
            "password2": password,
            "confirm": password,
        }
        self.http = httpx.Client(follow_redirects=True, timeout=120)

    def open(self, url: str) -> httpx.Response:
        """Open a page and send its first form, if it has one, until a page has none."""
        page = self.http.get(url)
        for _ in range(4):
            forms = _Forms()
            forms.feed(page.text)
            if not forms.forms or page.status_code >= 400:
                break
            form = forms.forms[0]
            filled = {name: value or self.answers.get(name, "") for name, value in form.fields.items()}
            target = urljoin(str(page.url), form.action) if form.action else str(page.url)
            origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
            page = self.http.request(form.method, target, data=filled, headers={"Origin": origin})
        return page

    def close(self) -> None:
        """Close the window."""
        self.http.close()
