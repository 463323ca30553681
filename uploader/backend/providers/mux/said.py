"""What Mux Video says of uploads and assets, as it comes over the wire."""

from pydantic import BaseModel, ConfigDict, Field


class _Told(BaseModel):
    """What Mux says, and more than we read."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Trouble(_Told):
    type: str | None = None
    message: str | None = None
    messages: tuple[str, ...] = ()


class Upload(_Told):
    """An upload: `status` tells what became of it."""

    id: str = Field(min_length=1, max_length=255)
    status: str
    url: str | None = None
    asset_id: str | None = None
    error: _Trouble | None = None
    new_asset_settings: "Settings | None" = None


class Settings(_Told):
    """What the asset was ordered to be."""

    passthrough: str | None = None


class _PlaybackId(_Told):
    id: str
    policy: str


class Track(_Told):
    """A track of the finished video."""

    type: str | None = None
    max_width: int | None = None
    max_height: int | None = None


class Progress(_Told):
    """How far it is: `progress` in percent, -1 for not known."""

    state: str | None = None
    progress: float | None = None


class Asset(_Told):
    """What became of an upload."""

    id: str = Field(min_length=1, max_length=255)
    status: str | None = None
    upload_id: str | None = None
    passthrough: str | None = None
    duration: float | None = Field(None, ge=0, allow_inf_nan=False)
    playback_ids: tuple[_PlaybackId, ...] = ()
    tracks: tuple[Track, ...] = ()
    progress: Progress | None = None
    errors: _Trouble | None = None


class UploadReply(_Told):
    """One upload."""

    data: Upload


class AssetReply(_Told):
    """One asset."""

    data: Asset


class Event(_Told):
    """Any event."""

    id: str = Field(min_length=1, max_length=255)
    type: str


class UploadEvent(Event):
    """An event of an upload."""

    data: Upload


class AssetEvent(Event):
    """An event of an asset."""

    data: Asset
