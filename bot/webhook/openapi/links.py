"""What can be done next with a ticket: links from an intake to the paths that name what was filed."""

from bot.sources import Intake, Source
from bot.webhook.openapi.operations import Way, checks_a_key, names_in, operation_id
from bot.webhook.openapi.schemas import Described


def links_from(source: Source, route: Way) -> Described:
    """By the id of the operation they lead to; none from a route that files nothing."""
    if not isinstance(route, Intake) or not route.id_at:
        return {}
    filed = f"$response.body#{route.id_at}"
    links = {}
    for follow in source.routes:
        names = [name for name in names_in(follow) if name not in follow.names]
        if names and not checks_a_key(follow):
            target = operation_id(source, follow)
            links[target] = {"operationId": target, "parameters": dict.fromkeys(names, filed)}
    return links
