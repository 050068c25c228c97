"""Workspaces: which channel each ticket goes to, its departments and categories, and how they change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import TypeVar

from bot.tickets.errors import (
    InvalidWorkspaceRule,
    NothingChanged,
    UnknownCategory,
    UnknownDepartment,
    UnknownTag,
    WrongDepartment,
)
from bot.tickets.message import Actor
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import NewTicket, Ticket

DEFAULT_DEPARTMENT = "general"
THANKS = Sentence("Thank you. Your report was dealt with.")
_ID_LENGTH, _NAME_LENGTH = 64, 100
MAX_ITEMS = 100  # departments, categories, and members of a department
MAX_TAGS = 25  # as many as Discord shows in one select
_TAG_LENGTH = 32


class Plan(StrEnum):
    """The plan of a workspace, for contracts that ask for one."""

    FREE = "free"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class UnknownCategoryPolicy(StrEnum):
    """What to do with a game's ticket whose category the workspace does not have, once it has any."""

    KEEP = "keep"  # accept it; it goes to the default department
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A team that handles some categories. Its tickets are posted in its own channel, if it has one."""

    id: str
    name: str
    channel_id: int | None = None  # None: the workspace's channels
    categories: tuple[str, ...] = ()  # that it handles; empty: any
    members: tuple[str, ...] = ()  # the game's ids of who sees its tickets there; empty: all staff
    staff_role_id: int | None = None  # whose members are staff of this department alone

    def handles(self, category: str) -> bool:
        return not self.categories or category in self.categories

    def is_open_to(self, staff_id: str) -> bool:
        return not self.members or staff_id in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """What a ticket is about."""

    id: str
    name: str
    max_open: int | None = None  # open tickets one player may have in it; None: any number


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkspace:
    """A workspace that is not saved yet. All ids are Discord's."""

    name: str
    guild_id: int
    tickets_channel_id: int
    reports_channel_id: int
    staff_role_id: int
    log_channel_id: int | None = None  # for alerts
    watcher_role_id: int | None = None  # whose members look at tickets and add notes
    admin_role_id: int | None = None  # whose members change the workspace without Manage Server


RuleT = TypeVar("RuleT", Department, Category)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(NewWorkspace):
    """A saved workspace: API keys belong to one; it names a guild's channels and has rules.

    Methods that change it return the changed workspace, or raise a TicketError with the reason.
    """

    id: str  # a UUID, as text: what the game server sees
    created_at: datetime
    plan: Plan = Plan.ENTERPRISE
    tickets_enabled: bool = True
    unknown_categories: UnknownCategoryPolicy = UnknownCategoryPolicy.REFUSE
    thank_reporters: bool = False  # those of game reports, once these have ended
    name_staff: bool = False  # reporters read the names of staff
    default_department: str = DEFAULT_DEPARTMENT
    retention_days: int | None = None  # after which tickets that ended are erased; None: never
    departments: tuple[Department, ...] = (Department(id=DEFAULT_DEPARTMENT, name="General"),)
    categories: tuple[Category, ...] = ()
    tags: tuple[str, ...] = ()  # that staff can give to tickets, in alphabetical order

    @property
    def channel_ids(self) -> frozenset[int]:
        """All channels of the workspace and its departments."""
        ids = {self.tickets_channel_id, self.reports_channel_id, self.log_channel_id}
        ids |= {one.channel_id for one in self.departments}
        return frozenset(channel_id for channel_id in ids if channel_id is not None)

    @property
    def role_ids(self) -> frozenset[int]:
        """All roles of the workspace and its departments."""
        ids = {self.staff_role_id, self.watcher_role_id, self.admin_role_id}
        ids |= {one.staff_role_id for one in self.departments}
        return frozenset(role_id for role_id in ids if role_id is not None)

    def staff_role_ids(self, department_id: str) -> tuple[int, ...]:
        """The roles of the staff of a department's tickets: the workspace's, and its own if it has one."""
        own = [one.staff_role_id for one in self.departments if one.id == department_id]
        return (self.staff_role_id, *(role_id for role_id in own if role_id is not None))

    def department(self, department_id: str) -> Department:
        """Find a department. Raises UnknownDepartment."""
        for one in self.departments:
            if one.id == department_id:
                return one
        raise UnknownDepartment

    def category(self, category_id: str) -> Category | None:
        return next((one for one in self.categories if one.id == category_id), None)

    def department_name(self, department_id: str) -> str:
        """The name people read; the id itself for a department that was removed."""
        return next((one.name for one in self.departments if one.id == department_id), department_id)

    def category_name(self, category_id: str) -> str:
        """The name people read; the id itself for a category that the workspace does not have."""
        category = self.category(category_id)
        return category.name if category else category_id

    def ensure_category_allowed(self, category_id: str) -> None:
        """Raises UnknownCategory if the workspace has categories, but not this one, and refuses those."""
        is_unknown = bool(self.categories) and self.category(category_id) is None
        if is_unknown and self.unknown_categories is UnknownCategoryPolicy.REFUSE:
            raise UnknownCategory

    def department_for(self, category_id: str) -> Department:
        """The first department that lists the category; else the default one."""
        for one in self.departments:
            if category_id in one.categories:
                return one
        return self.department(self.default_department)

    def channel_for(self, ticket: NewTicket, department_id: str) -> int:
        """The Discord channel for a ticket of that department."""
        for one in self.departments:
            if one.id == department_id and one.channel_id is not None:
                return one.channel_id
        return self.reports_channel_id if ticket.view_only else self.tickets_channel_id

    def open_ticket_limit(self, new: NewTicket) -> int | None:
        """How many open tickets its reporter may have in its category. Game reports are not limited."""
        category = None if new.view_only else self.category(new.category)
        return category.max_open if category else None

    def thanks_for(self, ticket: Ticket) -> Sentence | None:
        """What the reporter of a game report that has ended reads: never what came of it. None: nothing."""
        return THANKS if self.thank_reporters and ticket.view_only and ticket.status.is_closed else None

    def sends_direct_message(self, ticket: Ticket, *, is_reply: bool) -> bool:
        """Whether a reporter with a linked account is told in a direct message: of a reply, or of the end.

        A ticket from Discord has a thread for that. A game report takes no replies; of its end its reporter
        is told where reporters are thanked.
        """
        if ticket.is_private or (not is_reply and not ticket.status.is_closed):
            return False
        return not ticket.view_only or (not is_reply and self.thanks_for(ticket) is not None)

    def name_for_reporters(self, staff: Actor) -> str | None:
        """The name by which reporters know a staff member; None: they are not named."""
        return (staff.name.strip() or None) if self.name_staff else None

    def transfer(self, ticket: Ticket, department_id: str) -> Ticket:
        """Move the ticket to another department: one that handles its category, or that it would be filed in.

        Raises UnknownDepartment, WrongDepartment.
        """
        department = self.department(department_id)
        if not self.takes(ticket, department):
            raise WrongDepartment
        return ticket.transfer(department.id)

    def takes(self, ticket: Ticket, department: Department) -> bool:
        """Whether a department of this workspace handles the ticket's category, or such are filed in it."""
        return department.handles(ticket.category) or department == self.department_for(ticket.category)

    def move(
        self, ticket: Ticket, *, department_id: str | None = None, category_id: str | None = None
    ) -> Ticket:
        """Change a ticket's department, its category or both; what is None stays.

        If its department does not handle the new category, it goes to the one where such tickets are filed.
        Raises NothingChanged, UnknownCategory, and what `transfer` raises.
        """
        moved = ticket
        if category_id is not None and category_id != ticket.category:
            if self.category(category_id) is None:
                raise UnknownCategory
            moved = replace(ticket, category=category_id)
            if department_id is None and not self._is_handled(moved):
                department_id = self.department_for(category_id).id
        if department_id is not None and department_id != ticket.department:
            moved = self.transfer(moved, department_id)
        if moved == ticket:
            raise NothingChanged(Sentence("This ticket is in that department and category already."))
        return moved

    def _is_handled(self, ticket: Ticket) -> bool:
        """Whether the ticket's department, if it is still there, handles its category."""
        return any(one.id == ticket.department and one.handles(ticket.category) for one in self.departments)

    def tag(self, ticket: Ticket, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Ticket:
        """Give a ticket tags of this workspace, and take tags from it. Raises UnknownTag, NothingChanged."""
        if not set(add) <= {*self.tags, *ticket.tags}:
            raise UnknownTag
        return ticket.set_tags(add=add, remove=remove)

    def with_tag(self, tag: str) -> "Workspace":
        """Add a tag that staff can give to tickets. Raises InvalidWorkspaceRule."""
        tag = tag.strip()
        if not tag or len(tag) > _TAG_LENGTH or not tag.isprintable():
            raise InvalidWorkspaceRule(
                Sentence("A tag has 1 to {limit} characters, all of them visible.", limit=_TAG_LENGTH)
            )
        tags = tuple(sorted({*self.tags, tag}))
        if len(tags) > MAX_TAGS:
            raise InvalidWorkspaceRule(
                Sentence("A workspace has at most {limit} tags. Remove one first.", limit=MAX_TAGS)
            )
        return replace(self, tags=tags)

    def without_tag(self, tag: str) -> "Workspace":
        """Remove a tag; tickets that have it keep it. Raises UnknownTag."""
        if tag not in self.tags:
            raise UnknownTag
        return replace(self, tags=tuple(one for one in self.tags if one != tag))

    def departments_hidden_from(self, staff_id: str) -> tuple[str, ...]:
        """The ids of the departments whose tickets a staff member may not see in the game."""
        return tuple(one.id for one in self.departments if not one.is_open_to(staff_id))

    def with_department(self, department: Department) -> "Workspace":
        """Add a department, or replace the one with its id. Raises InvalidWorkspaceRule."""
        _validate(department.id, department.name)
        if len(department.members) > MAX_ITEMS or len(department.categories) > MAX_ITEMS:
            raise InvalidWorkspaceRule(
                Sentence(
                    "A department names at most {limit} members and {limit} categories.",
                    limit=MAX_ITEMS,
                )
            )
        for category_id in department.categories:
            if self.category(category_id) is None:
                raise InvalidWorkspaceRule(
                    Sentence("There is no category {id}. Make it first, or choose another.", id=category_id)
                )
        return replace(self, departments=_upsert(self.departments, department))

    def without_department(self, department_id: str) -> "Workspace":
        """Remove a department; its tickets keep it.

        Raises UnknownDepartment, and InvalidWorkspaceRule for the default one.
        """
        self.department(department_id)
        if department_id == self.default_department:
            raise InvalidWorkspaceRule(
                Sentence("That is the default department. Make another one the default first.")
            )
        return replace(self, departments=tuple(one for one in self.departments if one.id != department_id))

    def with_default_department(self, department_id: str) -> "Workspace":
        """Make a department the default one. Raises UnknownDepartment."""
        return replace(self, default_department=self.department(department_id).id)

    def with_category(self, category: Category, departments: Iterable[str] | None = None) -> "Workspace":
        """Add a category, or replace the one with its id.

        `departments` are all that handle it from now on; None leaves them as they are.
        Raises InvalidWorkspaceRule, UnknownDepartment.
        """
        _validate(category.id, category.name)
        if category.max_open is not None and not 1 <= category.max_open <= 1000:
            raise InvalidWorkspaceRule(Sentence("A player may have 1 to 1,000 open tickets in a category."))
        changed = replace(self, categories=_upsert(self.categories, category))
        if departments is None:
            return changed
        handled_by = {self.department(one).id for one in departments}
        return replace(
            changed,
            departments=tuple(
                _with_category_assignment(one, category.id, handled_by) for one in self.departments
            ),
        )

    def without_category(self, category_id: str) -> "Workspace":
        """Remove a category; its tickets keep it. Raises UnknownCategory."""
        if self.category(category_id) is None:
            raise UnknownCategory
        return replace(
            self,
            categories=tuple(one for one in self.categories if one.id != category_id),
            departments=tuple(_with_category_assignment(one, category_id, set()) for one in self.departments),
        )


def _validate(rule_id: str, name: str) -> None:
    if not rule_id.strip() or len(rule_id) > _ID_LENGTH or not rule_id.isprintable():
        raise InvalidWorkspaceRule(
            Sentence("An id has 1 to {limit} characters, all of them visible.", limit=_ID_LENGTH)
        )
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidWorkspaceRule(
            Sentence("A name has 1 to {limit} characters, all of them visible.", limit=_NAME_LENGTH)
        )


def _upsert(existing: Sequence[RuleT], new: RuleT) -> tuple[RuleT, ...]:
    if all(one.id != new.id for one in existing):
        if len(existing) >= MAX_ITEMS:
            raise InvalidWorkspaceRule(
                Sentence("A workspace has at most {limit} of them. Remove one first.", limit=MAX_ITEMS)
            )
        return tuple(chain(existing, [new]))
    return tuple(new if one.id == new.id else one for one in existing)


def _with_category_assignment(department: Department, category_id: str, handled_by: set[str]) -> Department:
    rest = tuple(one for one in department.categories if one != category_id)
    return replace(department, categories=(*rest, category_id) if department.id in handled_by else rest)
