"""What a person names, a community or a height, as the server of an engine knows it."""

from uploader.engine.account import AccountKeeper
from uploader.engine.facts import Account
from uploader.errors import Refused


class Named:
    """Asks the server what there is, if that is not known yet."""

    def __init__(self, account: AccountKeeper) -> None:
        self._account = account

    async def community(self, named: str | None) -> str | None:
        """The id of a community given by id or name. Where the server cannot be asked it is taken for an id."""
        if not named:
            return None
        known = (await self.account()).communities
        wanted = named.casefold()
        found = [one.id for one in known if named == one.id] or [
            one.id for one in known if wanted == one.name.casefold()
        ]
        if not found and self._account.fact.me is not None:
            names = ", ".join(one.name for one in known)
            hint = f"You can post in: {names}." if known else "You are in no community; leave it out."
            raise Refused(title=f"There is no community {named} for you", hint=hint)
        return found[0] if found else named

    async def height(self, pixels: int | None) -> int | None:
        """A height that a post may wait for. Refused where the server is known not to make it later than others."""
        if pixels is None:
            return None
        config = (await self.account()).config
        if config is None or pixels in config.min_heights:
            return pixels
        if not config.min_heights:
            hint = "There a video has all its qualities once it is ready. Leave the height out."
            raise Refused("min_height", title="This server waits for no quality", hint=hint)
        known = ", ".join(map(str, config.min_heights))
        raise Refused("min_height", title=f"This server does not wait for {pixels}p", hint=f"It can for: {known}.")

    async def account(self) -> Account:
        """The account, asked for if it is not known yet."""
        if self._account.fact.me is None:
            await self._account.refresh()
        return self._account.fact
