"""Who a message pings: whom its content names, as far as allowed_mentions and the sender's rights go."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from bot.sandbox.model.json import Json, whole_number

_CODE = re.compile(r"```.*?```|``.*?``|`[^`]*`", re.DOTALL)
_USER = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")
MAX_MENTIONS = 100


@dataclass(kw_only=True, slots=True)
class Mentions:
    users: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    everyone: bool = False


def resolve(
    content: str,
    allowed: Json | None,
    *,
    member_ids: Collection[int],
    mentionable_roles: Collection[int],
    may_mention_everyone: bool,
    replied_to: int | None = None,
) -> Mentions:
    """Reads the mentions in `content`; code is not read, and nobody is named who is not in the collections.

    `mentionable_roles` are those this sender may ping; `replied_to` is the author of the message replied to.
    """
    spoken = _CODE.sub(" ", content)
    users = [i for i in _numbers(_USER, spoken) if i in member_ids and _let(allowed, "users")(i)]
    if replied_to is not None and replied_to not in users and _reply_pings(allowed):
        users.append(replied_to)
    roles = [i for i in _numbers(_ROLE, spoken) if i in mentionable_roles and _let(allowed, "roles")(i)]
    everyone = may_mention_everyone and bool(_EVERYONE.search(spoken)) and "everyone" in _parsed(allowed)
    return Mentions(users=users, roles=roles, everyone=everyone)


def _numbers(pattern: re.Pattern[str], text: str) -> list[int]:
    return list(dict.fromkeys(int(found) for found in pattern.findall(text)))[:MAX_MENTIONS]


def _parsed(allowed: Json | None) -> Collection[str]:
    return ("users", "roles", "everyone") if allowed is None else (allowed.get("parse") or ())


def _let(allowed: Json | None, noun: str) -> Callable[[int], bool]:
    if allowed is None or noun in _parsed(allowed):
        return lambda _: True
    listed = {whole_number(i) for i in allowed.get(noun) or ()}
    return lambda i: i in listed


def _reply_pings(allowed: Json | None) -> bool:
    return allowed is None or bool(allowed.get("replied_user"))
