"""Workspaces: whose tickets go where, and under which rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import TypeVar

from bot.tickets.errors import InvalidWorkspaceRule, UnknownCategory, UnknownDepartment, WrongDepartment
from bot.tickets.ticket import NewTicket, Ticket

DEFAULT_DEPARTMENT = "general"
_ID_LENGTH, _NAME_LENGTH = 64, 100
MAX_ITEMS = 100  # departments, categories, and members of a department


class Plan(StrEnum):
    """What a workspace has subscribed to. Only contracts that know plans ask for it."""

    FREE = "free"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class UnknownCategoryPolicy(StrEnum):
    """What becomes of a ticket whose category the workspace does not have."""

    KEEP = "keep"  # it goes to the default department
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """Who works on what. Its tickets are posted in its own channel, if it has one."""

    id: str
    name: str
    channel_id: int | None = None  # None: the workspace's channels
    categories: tuple[str, ...] = ()  # what it handles; none named: anything
    members: tuple[
        str, ...
    ] = ()  # who may see its tickets in the game, by the game's ids; none named: all staff

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
    """What an operator names when a workspace is made. All ids are Discord's."""

    name: str
    guild_id: int
    tickets_channel_id: int
    reports_channel_id: int
    staff_role_id: int
    log_channel_id: int | None = None  # where the bot says what is late or broken


RuleT = TypeVar("RuleT", Department, Category)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(NewWorkspace):
    """A kept workspace: what API keys belong to; owns routes, rules and a guild.

    Methods that change it return the changed one, or raise a Refusal with the reason.
    """

    id: str  # a UUID, as text: what the game server sees
    created_at: datetime
    plan: Plan = Plan.ENTERPRISE
    tickets_enabled: bool = True
    unknown_categories: UnknownCategoryPolicy = UnknownCategoryPolicy.KEEP
    default_department: str = DEFAULT_DEPARTMENT
    departments: tuple[Department, ...] = (Department(id=DEFAULT_DEPARTMENT, name="General"),)
    categories: tuple[Category, ...] = ()

    @property
    def channel_ids(self) -> frozenset[int]:
        """Every channel it names."""
        named = {self.tickets_channel_id, self.reports_channel_id, self.log_channel_id}
        named |= {one.channel_id for one in self.departments}
        return frozenset(channel_id for channel_id in named if channel_id is not None)

    def department(self, department_id: str) -> Department:
        """Raises UnknownDepartment."""
        for one in self.departments:
            if one.id == department_id:
                return one
        raise UnknownDepartment

    def category(self, category_id: str) -> Category | None:
        return next((one for one in self.categories if one.id == category_id), None)

    def ensure_category_allowed(self, category_id: str) -> None:
        """Raises UnknownCategory where the workspace refuses those it does not have."""
        if self.unknown_categories is UnknownCategoryPolicy.REFUSE and self.category(category_id) is None:
            raise UnknownCategory

    def department_for(self, category_id: str) -> Department:
        """The first that names the category; else the default one."""
        for one in self.departments:
            if category_id in one.categories:
                return one
        return self.department(self.default_department)

    def channel_for(self, ticket: NewTicket, department_id: str) -> int:
        """The Discord channel in which a ticket of that department is posted."""
        for one in self.departments:
            if one.id == department_id and one.channel_id is not None:
                return one.channel_id
        return self.reports_channel_id if ticket.view_only else self.tickets_channel_id

    def open_ticket_limit(self, new: NewTicket) -> int | None:
        """How many open tickets its reporter may have in its category; game reports are not counted."""
        category = None if new.view_only else self.category(new.category)
        return category.max_open if category else None

    def transfer(self, ticket: Ticket, department_id: str) -> Ticket:
        """The ticket in another department; where it would be filed it may always go.

        Raises UnknownDepartment, WrongDepartment.
        """
        department = self.department(department_id)
        if department != self.department_for(ticket.category) and not department.handles(ticket.category):
            raise WrongDepartment
        return ticket.transfer(department.id)

    def departments_hidden_from(self, staff_id: str) -> tuple[str, ...]:
        """The ids of the departments whose tickets somebody may not see in the game."""
        return tuple(one.id for one in self.departments if not one.is_open_to(staff_id))

    def with_department(self, department: Department) -> "Workspace":
        """Add it, or put it in the place of the one with its id. Raises BadRule."""
        _validate(department.id, department.name)
        if len(department.members) > MAX_ITEMS or len(department.categories) > MAX_ITEMS:
            raise InvalidWorkspaceRule(
                f"A department names at most {MAX_ITEMS} members and {MAX_ITEMS} categories."
            )
        for category_id in department.categories:
            if self.category(category_id) is None:
                raise InvalidWorkspaceRule(
                    f"There is no category {category_id}. Make it first, or choose another."
                )
        return replace(self, departments=_upsert(self.departments, department))

    def without_department(self, department_id: str) -> "Workspace":
        """Its tickets stay where they are. Raises UnknownDepartment, and BadRule for the default one."""
        self.department(department_id)
        if department_id == self.default_department:
            raise InvalidWorkspaceRule("That is the default department. Make another one the default first.")
        return replace(self, departments=tuple(one for one in self.departments if one.id != department_id))

    def with_default_department(self, department_id: str) -> "Workspace":
        """Raises UnknownDepartment."""
        return replace(self, default_department=self.department(department_id).id)

    def with_category(self, category: Category, departments: Iterable[str] | None = None) -> "Workspace":
        """Add it, or put it in the place of the one with its id; `departments` are all that handle it then.

        None leaves them as they are. Raises BadRule, UnknownDepartment.
        """
        _validate(category.id, category.name)
        if category.max_open is not None and not 1 <= category.max_open <= 1000:
            raise InvalidWorkspaceRule("A player may have 1 to 1,000 open tickets in a category.")
        changed = replace(self, categories=_upsert(self.categories, category))
        if departments is None:
            return changed
        wanted = {self.department(one).id for one in departments}
        return replace(
            changed,
            departments=tuple(
                _with_category_assignment(one, category.id, wanted) for one in self.departments
            ),
        )

    def without_category(self, category_id: str) -> "Workspace":
        """Its tickets keep its name. Raises UnknownCategory."""
        if self.category(category_id) is None:
            raise UnknownCategory
        return replace(
            self,
            categories=tuple(one for one in self.categories if one.id != category_id),
            departments=tuple(_with_category_assignment(one, category_id, set()) for one in self.departments),
        )


def _validate(rule_id: str, name: str) -> None:
    if not rule_id.strip() or len(rule_id) > _ID_LENGTH or not rule_id.isprintable():
        raise InvalidWorkspaceRule(f"An id has 1 to {_ID_LENGTH} characters, all of them visible.")
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidWorkspaceRule(f"A name has 1 to {_NAME_LENGTH} characters, all of them visible.")


def _upsert(kept: Sequence[RuleT], new: RuleT) -> tuple[RuleT, ...]:
    if all(one.id != new.id for one in kept):
        if len(kept) >= MAX_ITEMS:
            raise InvalidWorkspaceRule(f"A workspace has at most {MAX_ITEMS} of them. Remove one first.")
        return tuple(chain(kept, [new]))
    return tuple(new if one.id == new.id else one for one in kept)


def _with_category_assignment(department: Department, category_id: str, wanted: set[str]) -> Department:
    rest = tuple(one for one in department.categories if one != category_id)
    return replace(department, categories=(*rest, category_id) if department.id in wanted else rest)
