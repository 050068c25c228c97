"""What can be done next with a ticket: links from an intake to the paths that name what was filed."""

from bot.sources.contract import IntakeEndpoint, Source
from bot.webhook.openapi.operations import AnyEndpoint, checks_api_key, operation_id, path_param_names
from bot.webhook.openapi.schemas import OpenApiNode


def operation_links(source: Source, route: AnyEndpoint) -> OpenApiNode:
    """By the id of the operation they lead to; none from a route that files nothing."""
    if not isinstance(route, IntakeEndpoint) or not route.id_pointer:
        return {}
    filed = f"$response.body#{route.id_pointer}"
    links = {}
    for follow in source.operations:
        names = [name for name in path_param_names(follow) if name not in follow.path_params]
        if names and not checks_api_key(follow):
            target = operation_id(source, follow)
            links[target] = {"operationId": target, "parameters": dict.fromkeys(names, filed)}
    return links
