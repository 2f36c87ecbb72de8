"""What can be set, from the environment. Read once, by `bootstrap`."""

import re
from pathlib import Path
from typing import Final, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.vocabulary import Confirmation
from infrastructure.faults import BadSettings

ORIGIN: Final = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?", re.ASCII)


class Settings(BaseSettings):
    """Every setting, with its default. `GATEHOUSE_` goes before each name but the database's."""

    model_config = SettingsConfigDict(env_prefix="GATEHOUSE_", frozen=True, hide_input_in_errors=True)

    mode: Literal["sandbox", "production"] = "sandbox"
    """`production` has no simulator and no sandbox vendors, makes no keys and migrates nothing by itself."""
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL", repr=False)
    """A PostgreSQL, 15 or later. Without it a private one runs below the data folder."""
    data: Path = Path(".gatehouse")
    """Where the embedded database and the key files lie."""
    keys: Path | None = None
    """The folder of the key files; `keys` below the data folder if not set."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str | None = None
    """How partners and vendors reach this service; what challenges name. Needed in production mode."""
    confirmation: Confirmation = Confirmation.NEVER
    """Which rejections wait for two officers."""

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
    def _a_base(cls, url: str) -> str:
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

    @field_validator("database_url", mode="before")
    @classmethod
    def _given(cls, conninfo: object) -> object:
        """An empty variable is one that was not set."""
        return conninfo or None

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, url: str | None) -> str | None:
        """Challenges name it, and EIP-4361 has no room for anything but an origin."""
        if url is not None and not re.fullmatch(
            r"https?://[A-Za-z0-9.\-]+(:[0-9]+)?/?|https?://\[[0-9a-fA-F:]+\](:[0-9]+)?/?", url
        ):
            raise ValueError("not an origin")
        return url

    @property
    def keys_folder(self) -> Path:
        """Where the key files lie."""
        return self.keys or self.data / "keys"

    @property
    def local_url(self) -> str:
        """Where this process listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """How others reach it."""
        return (self.public_url or self.local_url).rstrip("/")

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


def load_settings() -> Settings:
    """The settings that the environment gives. Raises `BadSettings`."""
    try:
        settings = Settings()
    except ValidationError as fault:
        names = ", ".join(sorted({str(error["loc"][0]) for error in fault.errors()}))
        raise BadSettings(f"cannot make sense of the setting {names}") from None
    if settings.kyc == "sumsub":
        settings.check_sumsub()
    return settings
