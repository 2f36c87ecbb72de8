"""What can be set, from the environment. Read once, by `bootstrap`."""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal

import httpx2
import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.vocabulary import Confirmation
from infrastructure.faults import BadSettings
from infrastructure.keys.sources import KeySource
from infrastructure.logs import LogLevel

BASE_URL: Final = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", re.ASCII
)
"""An origin with a path, maybe. No user and no query: neither belongs into what is shown of a setting."""
ORIGIN: Final = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?", re.ASCII)
CHAIN: Final = re.compile(r"eip155:[1-9][0-9]{0,18}", re.ASCII)
"""A CAIP-2 id of an EVM chain."""
URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)
LOG: Final = re.compile(r"(?!https?://)[!-*,-~]{1,200}", re.ASCII)
"""A log's origin: no spaces and no plus."""
LARGEST_PORT: Final = 65535
OWN_PORT: Final = {"https": ":443", "http": ":80"}
KEY_FIELDS: Final = (
    "master_key",
    "master_previous_key",
    "fingerprint_key",
    "cursor_key",
    "cursor_previous_key",
    "callback_key",
    "signing_key",
    "signing_previous_key",
)
OPTIONAL: Final = (
    "database_url",
    "key_command",
    "origin",
    "oidc_issuer",
    "chainalysis_sanctions_key",
    "chainalysis_key",
    "trm_key",
    "watchman_url",
)


class Settings(BaseSettings):
    """Every setting, with its default. `GATEHOUSE_` goes before each name but the database's."""

    model_config = SettingsConfigDict(env_prefix="GATEHOUSE_", frozen=True, hide_input_in_errors=True)

    mode: Literal["sandbox", "production"] = "sandbox"
    """`production` has no simulator and no sandbox vendors, makes no keys and migrates nothing by itself."""
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL", repr=False)
    """A PostgreSQL, 15 or later. Without it a private one runs below the data folder."""
    data: Path = Path(".gatehouse")
    """Where the embedded database and the key files lie."""
    exports_kept_days: int = Field(default=7, ge=1, le=3650)
    """Days after which an export that was ordered over HTTP is removed. It lies in `exports` below the data folder."""
    keys: Path | None = None
    """The folder of the key files; `keys` below the data folder if not set."""
    key_command: str | None = Field(default=None, repr=False)
    """Prints the key whose name is its last argument, in hex: for keys in a vault. Run without a shell."""
    master_key: SecretStr | None = Field(default=None, repr=False)
    """Each key may be given here, in hex, instead of in its file; the one before it too while it is replaced."""
    master_previous_key: SecretStr | None = Field(default=None, repr=False)
    fingerprint_key: SecretStr | None = Field(default=None, repr=False)
    cursor_key: SecretStr | None = Field(default=None, repr=False)
    cursor_previous_key: SecretStr | None = Field(default=None, repr=False)
    callback_key: SecretStr | None = Field(default=None, repr=False)
    signing_key: SecretStr | None = Field(default=None, repr=False)
    signing_previous_key: SecretStr | None = Field(default=None, repr=False)
    origin: str | None = None
    """The log's name in checkpoints: a URL without its scheme. Once a key was announced, the name stays."""
    log_level: LogLevel = "info"
    """From which level on our own news are logged."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=LARGEST_PORT)
    public_url: str | None = None
    """How partners and vendors reach this service; what challenges name. Needed in production mode."""
    reads_per_minute: int = Field(default=30_000, ge=0)
    """How often a key may read; more is answered 429. Each `serve` counts for itself, and 0 is no bound."""
    writes_per_minute: int = Field(default=6000, ge=0)
    """The same for what is no read."""
    connections: int = Field(default=4000, ge=10)
    """How many connections a `serve` has at once. Where one more comes, the one that has waited longest for its caller
    is closed."""
    confirmation: Confirmation = Confirmation.NEVER
    """Which rejections wait for two officers."""
    retention_days: int = Field(default=1826, ge=0, le=36525)
    """How long nothing of a customer is erased after the relationship ended: five years, Regulation (EU) 2024/1624,
    Art. 77."""
    checkpoint_seconds: int = Field(default=60, ge=1)
    """How often a checkpoint of the log is published, while there is anything new."""
    checkpoint_copies: str = Field(default="", repr=False)
    """Where copies of checkpoints go, with commas between them: folders, and http(s) URLs.

    A URL that ends in a slash is an object store's, which gets an object a checkpoint; any other is posted to.
    """
    rpc: Annotated[dict[str, SecretStr], NoDecode] = Field(default={}, repr=False)
    """JSON-RPC nodes by CAIP-2 chain, as a JSON object; what contract wallets are asked through."""
    screening: str = "ofac"
    """The screening sources by name, with commas between them, in the order in which they are asked."""
    confirming: str = ""
    """Those that are asked too once one source alone found something grave."""
    chainalysis_sanctions_key: SecretStr | None = Field(default=None, repr=False)
    chainalysis_sanctions_url: str = "https://public.chainalysis.com"
    chainalysis_key: SecretStr | None = Field(default=None, repr=False)
    chainalysis_url: str = "https://api.chainalysis.com"
    trm_key: SecretStr | None = Field(default=None, repr=False)
    """May be left out: TRM then allows one question a second."""
    trm_url: str = "https://api.trmlabs.com"
    watchman_url: str | None = None

    oidc_issuer: str | None = None
    """Whose tokens let persons in, beside API keys; exactly as it calls itself."""
    oidc_audience: str = ""
    """What the issuer calls this service."""
    oidc_role_claim: str = "roles"
    """The claim that says what a person may do; with dots in it, one further inside. `scope` and `scp` have spaces
    between their values."""
    oidc_roles: Annotated[dict[str, Literal["officer", "auditor", "admin"]], NoDecode] = {}
    """Which of its values are which role, as a JSON object. Who has several roles is let in with none."""
    webhooks_allow_loopback: bool = False
    """Whether webhooks may go to this machine itself, over http too. For development: sandbox mode only."""

    kyc: Literal["sumsub"] | None = None
    """Who verifies persons. Without it the sandbox's own provider does, and in production mode nobody."""
    sumsub_token: SecretStr = SecretStr("")
    """The app token. Sandbox tokens (`sbx:`) serve sandbox mode only, and no others do."""
    sumsub_secret: SecretStr = SecretStr("")
    """The app token's secret, which signs our requests."""
    sumsub_callback_secret: SecretStr = SecretStr("")
    """The webhook's own secret, which signs Sumsub's callbacks."""
    sumsub_level: str = ""
    """The verification level that persons must reach."""
    sumsub_url: str = "https://api.sumsub.com"

    @field_validator("kyc", mode="before")
    @classmethod
    def _chosen(cls, kyc: object) -> object:
        """An empty variable is one that was not set."""
        return kyc or None

    @field_validator("sumsub_token")
    @classmethod
    def _a_token(cls, token: SecretStr) -> SecretStr:
        """It goes into a header; what could not would be told of in an error, with its text."""
        if not re.fullmatch(r"[!-~]*", token.get_secret_value()):
            raise ValueError("not a token")
        return token

    @field_validator("sumsub_url")
    @classmethod
    def _an_api(cls, url: str) -> str:
        """Requests are signed by their path, which therefore begins right after the host."""
        if not ORIGIN.fullmatch(url):
            raise ValueError("not an origin")
        return url

    @field_validator("database_url")
    @classmethod
    def _readable(cls, conninfo: str | None) -> str | None:
        """Refuse here what libpq cannot read: its own complaint repeats a part of it, maybe of the password."""
        try:
            conninfo_to_dict(conninfo or "")
        except psycopg.ProgrammingError:
            raise ValueError("not a connection string") from None
        return conninfo

    @field_validator(*KEY_FIELDS, *OPTIONAL, mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        """An empty variable is one that was not set."""
        return value or None

    @field_validator("origin")
    @classmethod
    def _a_log(cls, origin: str | None) -> str | None:
        """What C2SP signed-note allows as a key's name, in ASCII."""
        if origin is not None and not LOG.fullmatch(origin):
            raise ValueError("not a URL without its scheme")
        return origin

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, url: str | None) -> str | None:
        """Challenges name it, and EIP-4361 has no room for anything but an origin.

        Callers sign it as their libraries write it: without capitals and its scheme's own port (RFC 3986, 6.2).
        """
        if url is None:
            return None
        if not re.fullmatch(r"https?://[A-Za-z0-9.\-]+(:[0-9]+)?/?|https?://\[[0-9a-fA-F:]+\](:[0-9]+)?/?", url):
            raise ValueError("not an origin")
        scheme, _, authority = url.lower().rstrip("/").partition("://")
        return f"{scheme}://{authority.removesuffix(OWN_PORT[scheme])}"

    @field_validator("rpc", "oidc_roles", mode="before")
    @classmethod
    def _an_object(cls, text: object) -> object:
        """Read here, where a complaint shows nothing of it: a node's address often holds its key."""
        if not isinstance(text, str):
            return text
        try:
            return json.loads(text or "{}")
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None

    @field_validator("rpc")
    @classmethod
    def _nodes(cls, rpc: dict[str, SecretStr]) -> dict[str, SecretStr]:
        """Refuse what is no EVM chain, or what no call could be made to."""
        if not all(CHAIN.fullmatch(chain) and _reachable(url.get_secret_value()) for chain, url in rpc.items()):
            raise ValueError("not EVM chains with the addresses of their nodes")
        return rpc

    @field_validator("checkpoint_copies")
    @classmethod
    def _places(cls, places: str) -> str:
        """Refuse what nothing could be sent to."""
        given = [place.strip() for place in places.split(",") if "://" in place]
        if not all(place.startswith(("http://", "https://")) and _reachable(place) for place in given):
            raise ValueError("not folders and addresses")
        return places

    @field_validator("chainalysis_sanctions_key", "chainalysis_key", "trm_key")
    @classmethod
    def _fit_for_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        """A key with spaces or a line's end was copied wrongly."""
        if key is not None and not re.fullmatch(r"[\x21-\x7e]+", key.get_secret_value()):
            raise ValueError("not a key")
        return key

    @field_validator("chainalysis_sanctions_url", "chainalysis_url", "trm_url", "watchman_url", "oidc_issuer")
    @classmethod
    def _a_base(cls, url: str | None) -> str | None:
        """What paths are put behind."""
        if url is not None and not BASE_URL.fullmatch(url):
            raise ValueError("not a base URL")
        return url

    @property
    def keys_folder(self) -> Path:
        """Where the key files lie."""
        return self.keys or self.data / "keys"

    @property
    def key_source(self) -> KeySource:
        """Where keys are read from."""
        given = {field.removesuffix("_key").replace("_", "."): getattr(self, field) for field in KEY_FIELDS}
        return KeySource(self.keys_folder, self.key_command, {name: key for name, key in given.items() if key})

    @property
    def local_url(self) -> str:
        """Where this process listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """How others reach it."""
        return (self.public_url or self.local_url).rstrip("/")

    def check_oidc(self) -> None:
        """Raise `BadSettings` where the OIDC issuer lacks a setting, or could be anybody."""
        if not self.oidc_audience.strip() or not self.oidc_role_claim.strip() or not self.oidc_roles:
            raise BadSettings("GATEHOUSE_OIDC_ISSUER needs GATEHOUSE_OIDC_AUDIENCE and GATEHOUSE_OIDC_ROLES")
        if self.mode == "production" and not (self.oidc_issuer or "").startswith("https://"):
            raise BadSettings("GATEHOUSE_OIDC_ISSUER must be https in production mode")

    def check_sumsub(self) -> None:
        """Raise `BadSettings` where Sumsub lacks a setting, or its token is not this mode's."""
        given = {
            "GATEHOUSE_SUMSUB_TOKEN": self.sumsub_token.get_secret_value(),
            "GATEHOUSE_SUMSUB_SECRET": self.sumsub_secret.get_secret_value(),
            "GATEHOUSE_SUMSUB_CALLBACK_SECRET": self.sumsub_callback_secret.get_secret_value(),
            "GATEHOUSE_SUMSUB_LEVEL": self.sumsub_level,
        }
        if missing := [name for name, value in given.items() if not value.strip()]:
            raise BadSettings(f"GATEHOUSE_KYC=sumsub needs {', '.join(missing)}")
        sandbox_token = given["GATEHOUSE_SUMSUB_TOKEN"].startswith("sbx:")
        if sandbox_token != (self.mode == "sandbox"):
            kind = "a sandbox token" if sandbox_token else "no sandbox token"
            raise BadSettings(f"GATEHOUSE_SUMSUB_TOKEN is {kind}, and the service runs in {self.mode} mode")


def _reachable(url: str) -> bool:
    """Whether a call could be made to this address at all."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    return URL.fullmatch(url) is not None and bool(address.host) and (address.port or 0) <= LARGEST_PORT


def forget_environment() -> None:
    """Have nothing set, for this process and all that it starts: a stage of its own is nobody's deployment."""
    for name in list(os.environ):
        if name.upper().startswith("GATEHOUSE_") or name.upper() == "DATABASE_URL":
            del os.environ[name]


def load_settings() -> Settings:
    """The settings that the environment gives. Raises `BadSettings`."""
    try:
        settings = Settings()
    except ValidationError as fault:
        names = ", ".join(sorted({str(error["loc"][0]) for error in fault.errors()}))
        raise BadSettings(f"cannot make sense of the setting {names}") from None
    if settings.kyc == "sumsub":
        settings.check_sumsub()
    if settings.oidc_issuer is not None:
        settings.check_oidc()
    if settings.webhooks_allow_loopback and settings.mode == "production":
        raise BadSettings("GATEHOUSE_WEBHOOKS_ALLOW_LOOPBACK is for sandbox mode only")
    return settings
