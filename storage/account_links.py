"""Account links, the codes that make them, and the wrong codes that people tried."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

from bot.tickets.account_links import (
    ATTEMPT_WINDOW,
    MAX_ATTEMPTS,
    MAX_ATTEMPTS_OF_KEY,
    MAX_LINKS,
    AccountLink,
    DiscordMember,
    GameAccount,
    LinkCode,
    generate_link_code,
    hash_link_code,
)
from bot.tickets.errors import (
    AccountLinkedElsewhere,
    LinkCodeForDiscord,
    LinkCodeForGame,
    TicketError,
    TooManyLinkAttempts,
    TooManyLinks,
    UnknownLink,
    UnknownLinkCode,
)
from bot.tickets.message import DISCORD_SOURCE
from storage.db import Db, Params, Row, Work
from storage.engine import Engine
from storage.mapping import from_ms, to_ms


class AccountLinkRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def create_code_for_member(self, member: DiscordMember, now: datetime) -> LinkCode:
        """Make a code that the member types in a game. It replaces the one made for them before."""
        code = generate_link_code(now)
        params = {**_member_params(member), **_code_params(code, now)}
        await self._engine.write(lambda db: _replace_code(db, _INSERT_MEMBER_CODE, params))
        return code

    async def create_code_for_player(
        self, workspace_id: str, account: GameAccount, now: datetime
    ) -> LinkCode:
        """Make a code that the player types in Discord. It replaces the one made for them before."""
        code = generate_link_code(now)
        params = {**_account_params(workspace_id, account), **_code_params(code, now)}
        await self._engine.write(lambda db: _replace_code(db, _INSERT_PLAYER_CODE, params))
        return code

    async def redeem_as_player(
        self, typed: str, workspace_id: str, account: GameAccount, *, key_prefix: str, now: datetime
    ) -> AccountLink:
        """Link a game account to the member whose code was typed in the game.

        The same account may repeat it while the code lasts. Raises UnknownLinkCode, LinkCodeForDiscord,
        TooManyLinkAttempts, AccountLinkedElsewhere, TooManyLinks.
        """
        of_account = {
            **_account_params(workspace_id, account),
            "hash": hash_link_code(typed),
            "now": to_ms(now),
        }
        limits = {
            f"player:{workspace_id}:{account.source}:{account.player_id}": MAX_ATTEMPTS,
            f"key:{key_prefix}": MAX_ATTEMPTS_OF_KEY,
        }

        def redeem(db: Db) -> AccountLink | TicketError:
            code = db.one(_MEMBER_OF_CODE, of_account)
            if code is None:
                return LinkCodeForDiscord() if db.one(_OWN_PLAYER_CODE, of_account) else UnknownLinkCode()
            member = DiscordMember(
                guild_id=code["guild_id"], discord_id=code["discord_id"], name=code["discord_name"]
            )
            found = _link(db, workspace_id, account, member, now, is_used=code["used_at"] is not None)
            if isinstance(found, AccountLink):
                db.run(_USE_MEMBER_CODE, of_account)
            return found

        return await self._redeem(redeem, limits, now)

    async def redeem_as_member(self, typed: str, member: DiscordMember, now: datetime) -> AccountLink:
        """Link the game account whose code was typed in Discord to the member who typed it.

        The same member may repeat it while the code lasts. Raises UnknownLinkCode, LinkCodeForGame,
        TooManyLinkAttempts, AccountLinkedElsewhere, TooManyLinks.
        """
        of_member = {**_member_params(member), "hash": hash_link_code(typed), "now": to_ms(now)}

        def redeem(db: Db) -> AccountLink | TicketError:
            code = db.one(_PLAYER_OF_CODE, of_member)
            if code is None:
                return LinkCodeForGame() if db.one(_OWN_MEMBER_CODE, of_member) else UnknownLinkCode()
            account = _account_from_row(code)
            found = _link(db, code["workspace_id"], account, member, now, is_used=code["used_at"] is not None)
            if isinstance(found, AccountLink):
                db.run(_USE_PLAYER_CODE, of_member)
            return found

        return await self._redeem(redeem, {f"member:{member.discord_id}": MAX_ATTEMPTS}, now)

    async def list_of_member(self, discord_id: int) -> tuple[AccountLink, ...]:
        """The links of a Discord account in all workspaces, oldest first."""
        return await self._list(_OF_MEMBER, {"discord": discord_id})

    async def find_by_account(self, workspace_id: str, source: str, player_id: str) -> AccountLink | None:
        """The link of a game account, or None."""
        account = GameAccount(source=source, player_id=player_id)
        return await self._engine.read(lambda db: find_link(db, workspace_id, account))

    async def list_of_workspace(
        self, workspace_id: str, limit: int, *, player: str | None = None
    ) -> tuple[AccountLink, ...]:
        """The newest links of a workspace, or those of a player's id or name, in any case."""
        params = {"workspace": workspace_id, "limit": limit, "player": player}
        return await self._list(_OF_WORKSPACE if player is None else _OF_PLAYER, params)

    async def remove(self, link_id: int, workspace_ids: Sequence[str]) -> AccountLink:
        """Delete a link of one of these workspaces, and return what it was. Raises UnknownLink."""

        def delete(db: Db) -> AccountLink:
            row = db.one(_BY_ID, {"id": link_id, "workspaces": workspace_ids})
            if row is None:
                raise UnknownLink
            db.run("DELETE FROM account_links WHERE id = :id", {"id": link_id})
            return _from_row(row)

        return await self._engine.write(delete)

    async def _list(self, statement: str, params: Params) -> tuple[AccountLink, ...]:
        rows = await self._engine.read(lambda db: db.all(statement, params))
        return tuple(_from_row(row) for row in rows)

    async def _redeem(
        self, redeem: Work[AccountLink | TicketError], limits: Mapping[str, int], now: datetime
    ) -> AccountLink:
        """Redeem a code unless there were too many wrong ones; count it if it is wrong, and only then."""

        def try_once(db: Db) -> AccountLink | TicketError:
            error = _too_many_attempts(db, limits, now)
            if error is not None:
                return error
            found = redeem(db)
            if isinstance(found, UnknownLinkCode):
                _insert_attempts(db, limits, now)
            return found

        found = await self._engine.write(try_once, locks=["link_codes"])
        if isinstance(found, TicketError):  # not raised in the transaction, which would undo the count
            raise found
        return found


_INSERT_MEMBER_CODE = """
    INSERT INTO discord_link_codes (guild_id, discord_id, discord_name, code_hash, expires_at)
    VALUES (:guild, :discord, :discord_name, :hash, :expires_at)
    ON CONFLICT (guild_id, discord_id) DO UPDATE
    SET discord_name = :discord_name, code_hash = :hash, expires_at = :expires_at, used_at = NULL
"""
_INSERT_PLAYER_CODE = """
    INSERT INTO game_link_codes (workspace_id, source, player_id, player_name, code_hash, expires_at)
    VALUES (:workspace, :source, :player, :player_name, :hash, :expires_at)
    ON CONFLICT (workspace_id, source, player_id) DO UPDATE
    SET player_name = :player_name, code_hash = :hash, expires_at = :expires_at, used_at = NULL
"""
_MEMBER_OF_CODE = """
    SELECT discord_link_codes.* FROM discord_link_codes
    JOIN workspaces ON workspaces.guild_id = discord_link_codes.guild_id
    WHERE code_hash = :hash AND expires_at > :now AND workspaces.id = :workspace
"""
_PLAYER_OF_CODE = """
    SELECT game_link_codes.* FROM game_link_codes JOIN workspaces ON workspaces.id = workspace_id
    WHERE code_hash = :hash AND expires_at > :now AND workspaces.guild_id = :guild
"""
_OWN_MEMBER_CODE = """
    SELECT 1 FROM discord_link_codes
    WHERE code_hash = :hash AND guild_id = :guild AND discord_id = :discord
"""
_OWN_PLAYER_CODE = """
    SELECT 1 FROM game_link_codes
    WHERE code_hash = :hash AND workspace_id = :workspace AND source = :source AND player_id = :player
"""
_USE_MEMBER_CODE = "UPDATE discord_link_codes SET used_at = coalesce(used_at, :now) WHERE code_hash = :hash"
_USE_PLAYER_CODE = "UPDATE game_link_codes SET used_at = coalesce(used_at, :now) WHERE code_hash = :hash"
_OF_MEMBER = "SELECT * FROM account_links WHERE discord_id = :discord ORDER BY id"
_OF_WORKSPACE = "SELECT * FROM account_links WHERE workspace_id = :workspace ORDER BY id DESC LIMIT :limit"
_OF_PLAYER = """
    SELECT * FROM account_links
    WHERE id IN (
        SELECT id FROM account_links WHERE workspace_id = :workspace AND player_id = :player
        UNION ALL
        SELECT id FROM account_links WHERE workspace_id = :workspace AND lower(player_name) = lower(:player)
    )
    ORDER BY id DESC LIMIT :limit
"""
_BY_ID = "SELECT * FROM account_links WHERE id = :id AND workspace_id = ANY(:workspaces)"
_BY_ACCOUNT = """
    SELECT * FROM account_links
    WHERE workspace_id = :workspace AND source = :source AND player_id = :player
"""
_COUNT_OF_MEMBER = """
    SELECT count(*) AS links FROM account_links WHERE discord_id = :discord AND workspace_id = :workspace
"""
_UPSERT = """
    INSERT INTO account_links
        (workspace_id, source, player_id, player_name, discord_id, discord_name, linked_at)
    VALUES (:workspace, :source, :player, :player_name, :discord, :discord_name, :now)
    ON CONFLICT (workspace_id, player_id, source) DO UPDATE
    SET player_name = coalesce(:player_name, account_links.player_name), discord_name = :discord_name
    WHERE account_links.discord_id = :discord
"""
# The oldest of the attempts that have to leave the window before there may be another.
_BLOCKING_ATTEMPT = """
    SELECT made_at FROM link_attempts WHERE who = :who AND made_at > :since
    ORDER BY made_at DESC LIMIT 1 OFFSET :others
"""


# Everything below runs within a transaction of the caller.


def links_of_player(db: Db, workspace_id: str | None, source: str, player_id: str) -> tuple[AccountLink, ...]:
    """The links of a game account or a Discord account, in one workspace or in all."""
    params = {"workspace": workspace_id, "source": source, "player": player_id}
    statement = _LINKS_OF_MEMBER if source == DISCORD_SOURCE else _LINKS_OF_PLAYER
    return tuple(_from_row(row) for row in db.all(statement, params))


def forget_account(db: Db, workspace_id: str | None, source: str, player_id: str) -> None:
    """Delete the links and codes of a game account, or of a Discord account, and its wrong codes."""
    params = {"workspace": workspace_id, "source": source, "player": player_id}
    for statement in _FORGET_DISCORD if source == DISCORD_SOURCE else _FORGET_PLAYER:
        db.run(statement, params)


_LINKS_OF_PLAYER = """
    SELECT * FROM account_links
    WHERE source = :source AND player_id = :player
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
"""
_LINKS_OF_MEMBER = """
    SELECT * FROM account_links
    WHERE discord_id = CAST(:player AS INTEGER)
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
"""
_FORGET_PLAYER = (
    """
    DELETE FROM account_links
    WHERE source = :source AND player_id = :player
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
    """,
    """
    DELETE FROM game_link_codes
    WHERE source = :source AND player_id = :player
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
    """,
    """
    DELETE FROM link_attempts
    WHERE who IN (SELECT 'player:' || id || ':' || :source || ':' || :player FROM workspaces)
    """,
)
_FORGET_DISCORD = (
    """
    DELETE FROM account_links
    WHERE discord_id = CAST(:player AS INTEGER)
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
    """,
    """
    DELETE FROM discord_link_codes
    WHERE discord_id = CAST(:player AS INTEGER)
      AND (CAST(:workspace AS TEXT) IS NULL
           OR guild_id = (SELECT guild_id FROM workspaces WHERE id = :workspace))
    """,
    "DELETE FROM link_attempts WHERE who = 'member:' || :player",
    "DELETE FROM seen_replies WHERE discord_id = CAST(:player AS INTEGER)",
    """
    DELETE FROM member_preferences
    WHERE discord_id = CAST(:player AS INTEGER) AND CAST(:workspace AS TEXT) IS NULL
    """,
)


def _link(
    db: Db, workspace_id: str, account: GameAccount, member: DiscordMember, now: datetime, *, is_used: bool
) -> AccountLink | TicketError:
    """Link an account by a code; by one that was used, only say again what it linked."""
    params = {**_account_params(workspace_id, account), **_member_params(member), "now": to_ms(now)}
    known = find_link(db, workspace_id, account)
    is_known = known is not None and known.discord_id == member.discord_id
    if is_used and not is_known:
        return UnknownLinkCode()
    if known is not None and not is_known:
        return AccountLinkedElsewhere()
    if known is None and _count_of_member(db, params) >= MAX_LINKS:
        return TooManyLinks()
    db.run(_UPSERT, params)
    return find_link(db, workspace_id, account) or UnknownLink()


def find_link(db: Db, workspace_id: str, account: GameAccount) -> AccountLink | None:
    """The link of a game account, or None."""
    row = db.one(_BY_ACCOUNT, _account_params(workspace_id, account))
    return _from_row(row) if row else None


def _count_of_member(db: Db, params: Params) -> int:
    row = db.one(_COUNT_OF_MEMBER, params)
    return int(row["links"]) if row else 0


def _replace_code(db: Db, insert: str, params: Params) -> None:
    """Insert a code in the place of its owner's last one, and delete those that have expired."""
    db.run("DELETE FROM discord_link_codes WHERE expires_at <= :now", params)
    db.run("DELETE FROM game_link_codes WHERE expires_at <= :now", params)
    db.run(insert, params)


def _too_many_attempts(db: Db, limits: Mapping[str, int], now: datetime) -> TooManyLinkAttempts | None:
    for who, limit in limits.items():
        params = {"who": who, "since": to_ms(now - ATTEMPT_WINDOW), "others": limit - 1}
        blocking = db.one(_BLOCKING_ATTEMPT, params)
        if blocking is not None:
            ends = from_ms(blocking["made_at"]) + ATTEMPT_WINDOW
            return TooManyLinkAttempts(ceil((ends - now).total_seconds()))
    return None


def _insert_attempts(db: Db, who: Mapping[str, int], now: datetime) -> None:
    db.run("DELETE FROM link_attempts WHERE made_at <= :since", {"since": to_ms(now - ATTEMPT_WINDOW)})
    db.run_many(
        "INSERT INTO link_attempts (who, made_at) VALUES (:who, :now)",
        [{"who": one, "now": to_ms(now)} for one in who],
    )


def _member_params(member: DiscordMember) -> dict[str, object]:
    return {"guild": member.guild_id, "discord": member.discord_id, "discord_name": member.name}


def _account_params(workspace_id: str, account: GameAccount) -> dict[str, object]:
    return {
        "workspace": workspace_id,
        "source": account.source,
        "player": account.player_id,
        "player_name": account.name,
    }


def _code_params(code: LinkCode, now: datetime) -> dict[str, object]:
    return {"hash": hash_link_code(code.text), "expires_at": to_ms(code.expires_at), "now": to_ms(now)}


def _account_from_row(row: Row) -> GameAccount:
    return GameAccount(source=row["source"], player_id=row["player_id"], name=row["player_name"])


def _from_row(row: Row) -> AccountLink:
    return AccountLink(
        id=row["id"],
        discord_id=row["discord_id"],
        discord_name=row["discord_name"],
        workspace_id=row["workspace_id"],
        account=_account_from_row(row),
        linked_at=from_ms(row["linked_at"]),
    )
