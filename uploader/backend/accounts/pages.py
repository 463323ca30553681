"""The pages a person sees: plain HTML without script, each text escaped where it enters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from uploader.backend.accounts import passwords
from uploader.backend.accounts.style import STYLE, STYLE_SOURCE
from uploader.backend.accounts.users import USERNAME_RULE

PASSWORD_LENGTH = f' minlength="{passwords.SHORTEST}" maxlength="{passwords.LONGEST}"'


@dataclass(frozen=True, slots=True)
class Field:
    """One labelled input. `wrong` says what to change; `extra` is more attributes, as HTML."""

    name: str
    label: str
    autocomplete: str
    value: str = ""
    secret: bool = False
    optional: bool = False
    hint: str = ""
    wrong: str = ""
    extra: str = ""
    focus: bool = False

    def html(self) -> str:
        """Label, input, and what explains it, tied together for those who do not see it."""
        note = self.wrong or self.hint
        parts = [
            f'<div class="field"><label for="{self.name}">{escape(self.label)}',
            ' <span class="optional">(optional)</span>' if self.optional else "",
            f'</label><input id="{self.name}" name="{self.name}" type="{"password" if self.secret else "text"}"',
            f' autocomplete="{self.autocomplete}" autocapitalize="none" spellcheck="false"',
            f' value="{escape(self.value)}"' if self.value and not self.secret else "",
            "" if self.optional else " required",
            ' aria-invalid="true"' if self.wrong else "",
            " autofocus" if self.focus else "",
            f' aria-describedby="{self.name}-note"' if note else "",
            f"{self.extra}>",
            f'<p class="{"wrong" if self.wrong else "hint"}" id="{self.name}-note">{escape(note)}</p>' if note else "",
            "</div>",
        ]
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Form:
    """A form that posts to `action` of this server; `leads_to` is the app's address the reply may redirect to.

    Beside the button there may be the way out: `cancel`, an address, or `refuse`, a second button that sends
    `answer=no`.
    """

    action: str
    button: str
    fields: Sequence[Field]
    hidden: Mapping[str, str]
    cancel: str = ""
    leads_to: str = ""
    refuse: str = ""

    def html(self) -> str:
        """The form, complete."""
        hidden = (f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in self.hidden.items())
        cancel = f'<a href="{escape(self.cancel)}">Cancel</a>' if self.cancel else ""
        no = '<button type="submit" class="quiet" name="answer" value="no" formnovalidate>'
        refuse = f"{no}{escape(self.refuse)}</button>" if self.refuse else ""
        return (
            f'<form method="post" action="{escape(self.action)}">{"".join(hidden)}'
            f"{''.join(one.html() for one in self.fields)}"
            f'<div class="actions"><button type="submit">{escape(self.button)}</button>{cancel}{refuse}</div></form>'
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One page: a heading, paragraphs, perhaps what went wrong, perhaps a form."""

    title: str
    paragraphs: Sequence[str]
    server: str
    form: Form | None = None
    trouble: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> HTMLResponse:
        """The page, under headers that let it do nothing but be read and send its form."""
        trouble = f'<p class="trouble" role="alert">{escape(self.trouble)}</p>' if self.trouble else ""
        first, *more = (f"<p>{escape(text)}</p>" for text in self.paragraphs)
        title = f"{self.title} · Reelferry"
        html = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
            f'<p class="product">Reelferry</p><main><h1>{escape(self.title)}</h1>{first}{trouble}{"".join(more)}'
            f"{self.form.html() if self.form else ''}</main>"
            f"<footer>The Reelferry server at {escape(self.server)}</footer></body></html>"
        )
        return HTMLResponse(html, self.status, {**self._headers(), **self.headers})

    def _headers(self) -> dict[str, str]:
        return {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "; ".join(
                (
                    "default-src 'none'",
                    f"style-src {STYLE_SOURCE}",
                    f"form-action {self._form_targets()}",
                    "frame-ancestors 'none'",
                    "base-uri 'none'",
                )
            ),
            "X-Frame-Options": "DENY",
            # no-referrer would make browsers send our own forms with "Origin: null"
            "Referrer-Policy": "same-origin",
        }

    def _form_targets(self) -> str:
        if self.form is None:
            return "'none'"
        if not self.form.leads_to:
            return "'self'"
        url = urlsplit(self.form.leads_to)
        # browsers apply this to the redirect that answers a form, too; a policy cannot name an IPv6 address
        return f"'self' {'http:' if url.hostname == '::1' else f'http://{url.netloc}'}"


def _name_and_password(username: str) -> tuple[Field, Field]:
    return (
        Field("username", "Username", "username", value=username, focus=not username),
        Field("password", "Password", "current-password", secret=True, focus=bool(username)),
    )


def nobody_yet(server: str) -> HTMLResponse:
    """Nobody could sign in: the first account is still to be made."""
    says = (
        "The first account is made with a link that works once. Reelferry opens it when the server first starts.",
        "The server also prints it where it is started. Start it again to get a new one.",
    )
    return Page("This server has no account yet", says, server).response()


def sign_in(
    *, server: str, hidden: Mapping[str, str], username: str, cancel: str, leads_to: str, trouble: str, status: int
) -> HTMLResponse:
    """Name and password, for the app that asks."""
    form = Form(
        action="/oauth/authorize",
        button="Sign in",
        hidden=hidden,
        cancel=cancel,
        leads_to=leads_to,
        fields=_name_and_password(username),
    )
    asks = "The Reelferry app on this computer asks to upload videos and post them for you."
    return Page("Sign in", (asks,), server, form, trouble, status).response()


def set_up(
    *,
    server: str,
    action: str,
    hidden: Mapping[str, str],
    typed: Mapping[str, str],
    wrong: Mapping[str, str],
    leads_to: str,
    trouble: str,
    status: int,
) -> HTMLResponse:
    """The first account."""
    names = ("username", "name", "password", "password_again")
    focus = next((name for name in names if name in wrong), "username")
    about = (
        ("Username", "username", f"You sign in with it. {USERNAME_RULE}", ' maxlength="64"'),
        ("Your name", "name", "Shown beside your posts.", ' maxlength="160"'),
        ("Password", "new-password", f"At least {passwords.SHORTEST} characters.", PASSWORD_LENGTH),
        ("Password again", "new-password", "", PASSWORD_LENGTH),
    )
    fields = tuple(
        Field(
            name=name,
            label=label,
            autocomplete=autocomplete,
            value=typed.get(name, ""),
            secret=autocomplete == "new-password",
            optional=name == "name",
            hint=hint,
            wrong=wrong.get(name, ""),
            extra=extra,
            focus=name == focus,
        )
        for name, (label, autocomplete, hint, extra) in zip(names, about, strict=True)
    )
    then = "After that, the Reelferry app on this computer is signed in." if leads_to else ""
    says = f"This server has no account yet. The first one is yours. {then}".strip()
    button = "Create account and sign in" if leads_to else "Create account"
    form = Form(action, button, fields, hidden, leads_to=leads_to)
    return Page("Create your account", (says,), server, form, trouble, status).response()


def code_entry(
    *, server: str, action: str, hidden: Mapping[str, str], code: str, wrong: str, status: int
) -> HTMLResponse:
    """The code that an app on another computer shows."""
    field = Field(
        "user_code",
        "Code",
        "off",
        value=code,
        hint="Eight letters, in capitals or small.",
        wrong=wrong,
        extra=' maxlength="20" class="code"',
        focus=True,
    )
    asks = "Reelferry on another computer shows you a code. Type it here to sign in there."
    return Page(
        "Sign in on another computer", (asks,), server, Form(action, "Continue", (field,), hidden), "", status
    ).response()


def confirm_device(
    *,
    server: str,
    action: str,
    hidden: Mapping[str, str],
    code: str,
    app: str,
    username: str,
    trouble: str,
    status: int,
) -> HTMLResponse:
    """Name and password, for an app on another computer that shows `code`."""
    asks = (
        f"The {app} that shows the code {code} asks to upload videos and post them for you.",
        "Allow it only if that code is on a computer of yours right now. If somebody sent it to you, do not.",
    )
    form = Form(action, "Allow", _name_and_password(username), hidden, refuse="Do not allow")
    return Page("Sign in on another computer", asks, server, form, trouble, status).response()


def end_sign_ins(
    *, server: str, action: str, hidden: Mapping[str, str], username: str, trouble: str, status: int
) -> HTMLResponse:
    """Name and password, to end every sign-in of the account."""
    asks = (
        "This signs you out of Reelferry on every computer at once, also on one you no longer have.",
        "Videos and posts stay. Uploads under way wait until you sign in there again.",
    )
    form = Form(action, "Sign out everywhere", _name_and_password(username), hidden)
    return Page("Sign out everywhere", asks, server, form, trouble, status).response()
