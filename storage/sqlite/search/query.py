"""Ticket search: filters and texts, and one page of the matching tickets."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.tickets.queries import Scope, TicketQuery
from storage.db import Db, Params

_NEWEST_SCANNED = 1000  # newest tickets that match all filters, searched for a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The ids of the matching tickets, newest first."""

    ids: Sequence[int]

    @property
    def total(self) -> int:
        return len(self.ids)

    def page(self, limit: int, offset: int, /) -> Sequence[int]:
        return self.ids[offset : offset + limit]


class TrigramSearch:
    """Lists by plain indexes."""

    def match(self, db: Db, scope: Scope, query: TicketQuery) -> Matches:
        rows = db.all(_FILTER, _params(scope, query))
        if not query.text:
            return Matches(ids=[row["id"] for row in rows])
        texts = ("subject", "reporter_name", "reporter_display_name")
        return Matches(
            ids=[
                row["id"]
                for row in rows[:_NEWEST_SCANNED]
                if any(self.contains(row[column], query.text) for column in texts)
            ]
        )

    def recent_ids(self, db: Db, workspace_ids: Sequence[str], limit: int) -> list[int]:
        rows = db.all(
            "SELECT id FROM tickets WHERE workspace_id = ANY(:workspaces) ORDER BY id DESC LIMIT :limit",
            {"workspaces": workspace_ids, "limit": limit},
        )
        return [row["id"] for row in rows]

    def contains(self, text: str | None, part: str) -> bool:
        return text is not None and part.casefold() in text.casefold()

    def index_batch(self, db: Db, limit: int) -> int:
        return 0

    def lag(self, db: Db) -> int:
        return 0


_FILTER = """
    SELECT id, subject, reporter_name, reporter_display_name FROM tickets
    WHERE workspace_id = :workspace AND source = :source
      AND (CAST(:statuses AS TEXT) IS NULL OR status = ANY(:statuses))
      AND (CAST(:categories AS TEXT) IS NULL OR category = ANY(:categories))
      AND (CAST(:departments AS TEXT) IS NULL OR department = ANY(:departments))
      AND department <> ALL(:hidden)
      AND (CAST(:reporter AS TEXT) IS NULL OR reporter_id = :reporter)
      AND (CAST(:reported AS TEXT) IS NULL OR reported_id = :reported)
    ORDER BY id DESC
"""


def _params(scope: Scope, query: TicketQuery) -> Params:
    return {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "statuses": query.statuses,
        "categories": query.categories,
        "departments": query.departments,
        "hidden": query.hidden_departments,
        "reporter": query.reporter_id,
        "reported": query.reported_id,
    }
