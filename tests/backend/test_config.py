import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from uploader.backend.config import Config, ConfigProblems, kept_secret
from uploader.backend.issuer_config import IssuerConfig
from uploader.backend.provider_config import CloudflareConfig, MuxConfig
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.store.database import Database
from uploader.backend.store.models import now
from uploader.backend.webhooks import Forged, encoded, sign

pytestmark = pytest.mark.one_database("no database is opened")

ISSUER = {"AUTH_ISSUER": "https://id.example/realms/films/", "AUTH_AUDIENCE": "films"}
CLOUDFLARE = {"VIDEO_PROVIDER": "cloudflare", "CLOUDFLARE_ACCOUNT_ID": "a1", "CLOUDFLARE_API_TOKEN": "hunter4"}
MUX = {"VIDEO_PROVIDER": "mux", "MUX_TOKEN_ID": "an-id", "MUX_TOKEN_SECRET": "hunter5"}


def problems(folder: Path, **environ: str) -> list[str]:
    return problems_of(environ, folder)


def problems_of(environ: dict[str, str], folder: Path, host: str = "127.0.0.1", port: int = 0) -> list[str]:
    with pytest.raises(ConfigProblems) as caught:
        Config.load(environ, folder / "data", host=host, port=port)
    assert not (folder / "data").exists(), "a start that is refused leaves nothing behind"
    return caught.value.problems


def test_nothing_has_to_be_set(tmp_path: Path):
    config = Config.load({}, tmp_path / "data")
    assert config.provider == "local"
    assert config.database_url == f"sqlite:///{tmp_path / 'data' / 'reelferry.sqlite3'}"
    assert (config.max_bytes, config.max_duration) == (30 * 1024**3, 6 * 3600)
    assert (config.public_url, config.webhook_url) == (None, None)
    assert (config.allow_signup, config.signed_playback) == (False, False)


def test_an_empty_variable_is_one_that_is_not_set(tmp_path: Path):
    names = ("VIDEO_PROVIDER", "DATABASE_URL", "NEXT_PUBLIC_APP_URL", "MAX_VIDEO_SIZE_MB", "WEBHOOK_SECRET")
    config = Config.load(dict.fromkeys(names, " "), tmp_path)
    assert (config.provider, config.max_bytes, config.public_url) == ("local", 30 * 1024**3, None)
    assert len(config.webhook_secret) > 30


def test_the_seeds_variables_are_obeyed(tmp_path: Path):
    config = Config.load(
        {
            "VIDEO_PROVIDER": "local",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'other.db'}",
            "NEXT_PUBLIC_APP_URL": "https://videos.example/",
            "MAX_VIDEO_SIZE_MB": "500",
            "MAX_VIDEO_DURATION_MINUTES": "60",
            "WEBHOOK_SECRET": "a secret of some length",
            "WEBHOOK_URL": "http://127.0.0.1:9/hook",
            "ALLOW_SIGNUP": "1",
            "SIGNED_PLAYBACK": "true",
        },
        tmp_path / "data",
        host="0.0.0.0",  # noqa: S104 (never bound)
        port=8000,
    )
    assert config.database_url == f"sqlite:///{tmp_path / 'other.db'}"
    assert (config.public_url, config.host, config.port) == ("https://videos.example", "0.0.0.0", 8000)  # noqa: S104
    assert (config.max_bytes, config.max_duration) == (500 * 1024**2, 3600)
    assert (config.webhook_secret, config.webhook_url) == ("a secret of some length", "http://127.0.0.1:9/hook")
    assert (config.allow_signup, config.signed_playback) == (True, True)


def test_both_providers_may_be_configured_and_one_is_chosen(tmp_path: Path):
    more = {
        "CLOUDFLARE_CUSTOMER_SUBDOMAIN": "m033z5x",
        "CLOUDFLARE_WEBHOOK_SECRET": "the old one, the new one",
        "CLOUDFLARE_BASIC_UPLOAD": "1",
        "MUX_WEBHOOK_SECRET": "mux's",
    }
    config = Config.load(MUX | CLOUDFLARE | more, tmp_path)
    assert config.provider == "cloudflare"
    assert config.cloudflare == CloudflareConfig(
        "a1", "hunter4", ("the old one", "the new one"), "customer-m033z5x.cloudflarestream.com", basic_upload=True
    )
    assert config.mux == MuxConfig("an-id", "hunter5", ("mux's",), "basic")
    assert "hunter" not in f"{config!r} {config.cloudflare} {config.mux}"


@pytest.mark.parametrize(
    "given", ["m033z5x", "customer-m033z5x", "m033z5x.cloudflarestream.com", "customer-m033z5x.cloudflarestream.com"]
)
def test_the_customer_subdomain_may_be_given_as_cloudflare_shows_it_anywhere(given: str, tmp_path: Path):
    config = Config.load(CLOUDFLARE | {"CLOUDFLARE_CUSTOMER_SUBDOMAIN": given}, tmp_path).cloudflare
    assert config is not None
    assert config.customer_host == "customer-m033z5x.cloudflarestream.com"


def test_a_gateway_may_stand_before_an_api(tmp_path: Path):
    usual = Config.load(MUX | CLOUDFLARE, tmp_path)
    assert usual.cloudflare is not None
    assert usual.mux is not None
    assert (usual.cloudflare.api, usual.mux.api) == ("https://api.cloudflare.com/client/v4", "https://api.mux.com")
    given = {"CLOUDFLARE_BASE_URL": "https://gate.example/cf/v4/", "MUX_BASE_URL": "http://127.0.0.1:8080"}
    config = Config.load(MUX | CLOUDFLARE | given, tmp_path)
    assert config.cloudflare is not None
    assert config.mux is not None
    assert (config.cloudflare.api, config.mux.api) == ("https://gate.example/cf/v4", "http://127.0.0.1:8080")


def test_an_issuer_is_asked_for_what_the_operator_says_or_what_is_usual(tmp_path: Path):
    assert Config.load(ISSUER, tmp_path).issuer == IssuerConfig("https://id.example/realms/films", "films")
    address = ISSUER | {"AUTH_AUDIENCE": "https://films.example"}
    usual = Config.load(address, tmp_path).issuer
    assert usual is not None
    assert usual.parameters == {"resource": "https://films.example"}
    said = Config.load(
        address | {"AUTH_PARAMETERS": "audience=a%20b&prompt=consent", "AUTH_REDIRECT_PORTS": "53682, 53683"}, tmp_path
    ).issuer
    assert said is not None
    assert said.parameters == {"audience": "a b", "prompt": "consent"}
    assert said.redirect_ports == (53682, 53683)


def test_secrets_are_made_once_and_kept_where_only_this_user_can_read_them(tmp_path: Path):
    first, second = Config.load({}, tmp_path / "data"), Config.load({}, tmp_path / "data")
    assert first.webhook_secret == second.webhook_secret
    assert first.app_key == second.app_key != first.webhook_secret
    for name in ("webhook-secret", "app-key"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_of_several_servers_that_start_at_once_in_a_new_folder_all_have_one_secret(tmp_path: Path):
    for number in range(20):
        path, go = tmp_path / f"secret {number}", threading.Barrier(4)

        def start(_: int, path: Path = path, go: threading.Barrier = go) -> str:
            go.wait(60)
            return kept_secret(path)

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(start, range(4))) == {path.read_text()}
    assert len(list(tmp_path.iterdir())) == 20, "nothing else is left"


def test_of_several_webhook_secrets_the_first_signs_and_all_are_taken(tmp_path: Path):
    config = Config.load({"WEBHOOK_SECRET": "the new one of some length, the old one of some length"}, tmp_path)
    assert config.webhook_secret == "the new one of some length"
    provider = LocalProvider(config, "http://127.0.0.1", Database(config.database_url))
    body = encoded({"type": "video.asset.ready", "data": {"id": "x"}})
    for secret in ("the new one of some length", "the old one of some length"):
        assert provider.hear(sign(secret, body), body, now()).video_id == "x"
    with pytest.raises(Forged):
        provider.hear(sign("another one of some length", body), body, now())
    with pytest.raises(ConfigProblems, match="WEBHOOK_SECRET is shorter than 16"):
        Config.load({"WEBHOOK_SECRET": "a secret of some length,short"}, tmp_path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_that_no_second_connection_would_see_is_none(url: str, tmp_path: Path):
    with pytest.raises(ConfigProblems, match="DATABASE_URL names no file"):
        Config.load({"DATABASE_URL": url}, tmp_path)


def test_a_configuration_never_shows_its_secrets(tmp_path: Path):
    config = Config.load({"DATABASE_URL": "sqlite:////tmp/secret-place.db"}, tmp_path)
    for secret in (config.webhook_secret, config.app_key, "secret-place"):
        assert secret not in f"{config!r} {config}"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"VIDEO_PROVIDER": "cloudflare", "CLOUDFLARE_ACCOUNT_ID": "a1"},
            "CLOUDFLARE_API_TOKEN is missing: VIDEO_PROVIDER=cloudflare needs it.",
        ),
        ({"MUX_TOKEN_ID": "a1"}, "MUX_TOKEN_SECRET is missing: the other half of the account is set."),
        (CLOUDFLARE | {"CLOUDFLARE_API_TOKEN": "an tok"}, "CLOUDFLARE_API_TOKEN has a character that cannot be in it."),
        (
            CLOUDFLARE | {"CLOUDFLARE_ACCOUNT_ID": "../zones"},
            "CLOUDFLARE_ACCOUNT_ID is not an account id: 32 digits and letters from a to f.",
        ),
        (
            CLOUDFLARE | {"CLOUDFLARE_CUSTOMER_SUBDOMAIN": "evil.example/"},
            "CLOUDFLARE_CUSTOMER_SUBDOMAIN is not a name like customer-code.cloudflarestream.com.",
        ),
        (
            CLOUDFLARE | {"MAX_VIDEO_DURATION_MINUTES": "361"},
            "MAX_VIDEO_DURATION_MINUTES is more than the 360 that Cloudflare takes.",
        ),
        (
            CLOUDFLARE | {"SIGNED_PLAYBACK": "1"},
            "SIGNED_PLAYBACK=1 with cloudflare needs CLOUDFLARE_SIGNING_KEY_ID and CLOUDFLARE_SIGNING_KEY.",
        ),
        (
            MUX | {"SIGNED_PLAYBACK": "1"},
            "SIGNED_PLAYBACK=1 with mux needs MUX_SIGNING_KEY and MUX_PRIVATE_KEY.",
        ),
        (MUX | {"MUX_SIGNING_KEY": "k"}, "MUX_PRIVATE_KEY is missing: the other half of the signing key is set."),
        (
            MUX | {"MUX_SIGNING_KEY": "k", "MUX_PRIVATE_KEY": "bm8="},
            "MUX_PRIVATE_KEY is not a private key: PEM or JWK, in base64.",
        ),
        (MUX | {"MUX_BASE_URL": "api.mux.com"}, "MUX_BASE_URL is not an address that begins with http:// or https://."),
        (
            CLOUDFLARE | {"CLOUDFLARE_BASE_URL": "http://gate.example"},
            "CLOUDFLARE_BASE_URL must begin with https://: credentials travel to it.",
        ),
        (MUX | {"MUX_VIDEO_QUALITY": "best"}, "MUX_VIDEO_QUALITY=best is not known. Use basic or plus or premium."),
        (
            ISSUER | {"AUTH_ISSUER": "http://id.example"},
            "AUTH_ISSUER must begin with https://: it says who people are.",
        ),
        (
            {"AUTH_AUDIENCE": "films"},
            "AUTH_ISSUER is missing: AUTH_AUDIENCE is for the issuer that keeps the accounts.",
        ),
        (
            {"AUTH_ISSUER": "https://id.example"},
            "AUTH_AUDIENCE is missing: without it, tokens made for other programs would be taken.",
        ),
        (
            ISSUER | {"AUTH_CLIENT_ID": "films"},
            "AUTH_AUDIENCE must differ from AUTH_CLIENT_ID: ID tokens would pass as access tokens.",
        ),
        (
            ISSUER | {"AUTH_REDIRECT_PORTS": "53682,0"},
            "AUTH_REDIRECT_PORTS=53682,0 is not a list of ports, like 53682,53683.",
        ),
        ({"DATABASE_URL": "over there"}, "DATABASE_URL is not a database address. Use sqlite:///… or postgresql://…."),
        ({"DATABASE_URL": "mysql://u:p@h/d"}, "DATABASE_URL names mysql. Use sqlite:///… or postgresql://…."),
        ({"MAX_VIDEO_SIZE_MB": "0"}, "MAX_VIDEO_SIZE_MB=0 is not a whole number from 1 to 1048576."),
        ({"MAX_VIDEO_SIZE_MB": "5GB"}, "MAX_VIDEO_SIZE_MB=5GB is not a whole number from 1 to 1048576."),
        ({"MAX_VIDEO_SIZE_MB": "-1"}, "MAX_VIDEO_SIZE_MB=-1 is not a whole number from 1 to 1048576."),
        ({"MAX_VIDEO_SIZE_MB": "٣"}, "MAX_VIDEO_SIZE_MB=٣ is not a whole number from 1 to 1048576."),
        ({"MAX_VIDEO_DURATION_MINUTES": "1.5"}, "MAX_VIDEO_DURATION_MINUTES=1.5 is not a whole number from 1 to 1440."),
        (
            {"TRUSTED_PROXIES": "10.0.0.5, caddy"},
            "TRUSTED_PROXIES=10.0.0.5, caddy is not a list of addresses and networks, like 10.0.0.5,172.18.0.0/16.",
        ),
        (
            {"TRUSTED_PROXIES": "10.0.0.5/8"},
            "TRUSTED_PROXIES=10.0.0.5/8 is not a list of addresses and networks, like 10.0.0.5,172.18.0.0/16.",
        ),
        (
            {"TRUSTED_PROXIES": "0.0.0.0/0"},
            "TRUSTED_PROXIES=0.0.0.0/0 names every address: anybody could then say that they are somebody else.",
        ),
        ({"WEBHOOK_SECRET": "short"}, "WEBHOOK_SECRET is shorter than 16 characters."),
        ({"APP_KEY": "short"}, "APP_KEY is shorter than 16 characters."),
        ({"ALLOW_SIGNUP": "maybe"}, "ALLOW_SIGNUP=maybe is neither 1 nor 0."),
        ({"WEBHOOK_URL": "ftp://x/"}, "WEBHOOK_URL is not an address that begins with http:// or https://."),
        ({"PUBLIC_URL": "videos.example"}, "PUBLIC_URL is not an address that begins with http:// or https://."),
        ({"PUBLIC_URL": "https://[::1"}, "PUBLIC_URL is not an address that begins with http:// or https://."),
        (
            {"PUBLIC_URL": "https://a.example", "NEXT_PUBLIC_APP_URL": "https://b.example"},
            "NEXT_PUBLIC_APP_URL and PUBLIC_URL differ. Set one of them.",
        ),
        (
            {"PUBLIC_URL": "http://a.example"},
            "NEXT_PUBLIC_APP_URL must begin with https://: passwords travel to it.",
        ),
        (
            {"PUBLIC_URL": "https://a.example/videos"},
            "NEXT_PUBLIC_APP_URL must not have a path: the server answers at the top of its host.",
        ),
    ],
)
def test_a_variable_that_makes_no_sense_is_named_in_one_sentence(
    environ: dict[str, str], expected: str, tmp_path: Path
):
    assert problems_of(environ, tmp_path) == [expected]


def test_all_problems_are_told_at_once_and_never_a_password(tmp_path: Path):
    found = problems(
        tmp_path, DATABASE_URL="mysql://joe:hunter2@h/d", WEBHOOK_SECRET="hunter3", MAX_VIDEO_SIZE_MB="big"
    )
    assert len(found) == 3
    assert "hunter" not in " ".join(found)


def test_postgresql_needs_its_driver_and_the_start_says_so_in_one_line(tmp_path: Path):
    sys.modules["psycopg"] = None  # type: ignore[assignment] # what Python calls "not to be imported"
    try:
        found = problems(tmp_path, DATABASE_URL="postgresql://joe:hunter2@db/reelferry")
    finally:
        del sys.modules["psycopg"]
    assert found == ["DATABASE_URL names PostgreSQL, and the package psycopg is not installed."]


def test_listening_beyond_this_computer_needs_a_public_address(tmp_path: Path):
    assert problems_of({}, tmp_path, host="0.0.0.0") == [  # noqa: S104 (never bound)
        "NEXT_PUBLIC_APP_URL is missing: it is needed to listen on 0.0.0.0."
    ]


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_a_port(port: int, tmp_path: Path):
    assert problems_of({}, tmp_path, port=port) == [f"The port must be between 0 and 65535, not {port}."]


def test_a_data_folder_that_cannot_be_made_is_a_problem(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigProblems) as caught:
        Config.load({}, tmp_path / "file" / "data")
    [problem] = caught.value.problems
    assert problem.startswith(f"The data folder {tmp_path / 'file' / 'data'} cannot be made: ")
