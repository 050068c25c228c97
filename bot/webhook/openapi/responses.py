"""What the description says of answers: what is asked for, and every refusal a route may meet."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

from aiohttp import hdrs

from bot.sources import Body, Page, Refused, Source, no_gate
from bot.sources.requests import Allowance
from bot.webhook.errors import refusal, refused_as
from bot.webhook.openapi.links import links_from
from bot.webhook.openapi.operations import Way, checks_a_key, has_body, is_carried_out_once, noes_to
from bot.webhook.openapi.schemas import Described, Shapes, shape_of
from bot.webhook.rate_limit import limit_headers
from bot.webhook.responses import plain

USUAL = "usual"  # the name of the example that has no more to say than its status

_ANYWHERE = (400, 500)
_WITH_A_BODY = (408, 413, 415, 417)
_CROWDED = 503  # said before the path is known, and so in no source's words
_LIMIT_HEADERS = {
    "RateLimit-Limit": "Requests in the window.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "In how many seconds all of them are there again.",
    "RateLimit-Policy": "The requests in the window, and its seconds.",
}
_HTML: Described = {"text/html": {"schema": {"type": "string"}}}
_REPEATED: Described = {
    "Idempotent-Replayed": {
        "description": "Sent where this is the answer to an earlier request, of which this is a repeat.",
        "schema": {"const": "true"},
    }
}


class Answers:
    """Everything a source may answer, route by route."""

    def __init__(self, source: Source, shapes: Shapes) -> None:
        self._source = source
        self._shapes = shapes
        self._limits = _limit_headers(source)

    def of(self, route: Way) -> Described:
        """The answers to one route, by status."""
        refused: dict[int, dict[str, Body]] = {}
        for name, each in self._refusals(route):
            refused.setdefault(each.status, {})[name] = each.body or self._source.refuse(each)
        answers = {str(status): self._refusing(status, refused[status]) for status in sorted(refused)}
        return answers | self._accepting(route) | {str(_CROWDED): _crowded()}

    def _accepting(self, route: Way) -> Described:
        headers = dict(self._limits) if self._is_counted(route) else {}
        if is_carried_out_once(route):
            headers |= _REPEATED
        if route.says is Page:
            found = {"description": "The page.", "headers": headers, "content": _HTML}
            return {"200": found, "404": found | {"description": "A page that says that there is none."}}
        content = {"application/json": {"schema": self._shapes.said(route.says)}}
        done = {"description": "Done.", "headers": headers, "content": content}
        links = links_from(self._source, route)
        return {"200": done | {"links": links} if links else done}

    def _refusing(self, status: int, bodies: Mapping[str, Body]) -> Described:
        shapes: list[Described] = []
        for body in bodies.values():
            shape = self._shapes.refusal(body)
            if shape not in shapes:
                shapes.append(shape)
        content = {
            "schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes},
            "examples": {name: {"value": body} for name, body in bodies.items()},
        }
        answer: Described = {"description": _phrase(status), "content": {"application/json": content}}
        if status in (429, 500):
            answer["headers"] = _retry_after(required=status == 429)
        return answer

    def _refusals(self, route: Way) -> Iterator[tuple[str, Refused]]:
        """Each of them as it is raised, with its name; the usual ones first."""
        for status in self._usual(route):
            yield USUAL, refusal(status)
        if self._is_counted(route) or checks_a_key(route):
            yield USUAL, Refused(429, str(refusal(429)), retry_after=1)
        for no in noes_to(self._source, route):
            yield no.__name__, refused_as(no(), (route.refusals, self._source.refusals))

    def _usual(self, route: Way) -> Iterator[int]:
        yield from _ANYWHERE
        if has_body(route):
            yield from _WITH_A_BODY
        if route not in self._source.open_endpoints:
            yield 401
            if self._source.gate is not no_gate:
                yield 403

    def _is_counted(self, route: Way) -> bool:
        return self._source.limit.per == "address" or route not in self._source.open_endpoints


def plain_answers(*, has_names: bool) -> Described:
    """The refusals of a path that belongs to no source; what it names may be unknown."""
    statuses = (*_ANYWHERE, 404) if has_names else _ANYWHERE
    return {str(status): plainly(refusal(status)) for status in statuses} | {str(_CROWDED): _crowded()}


def _crowded() -> Described:
    return plainly(refusal(_CROWDED)) | {"headers": _retry_after(required=True)}


def plainly(refused: Refused) -> Described:
    """A refusal where no source is at home."""
    body = plain(refused)
    content = {"application/json": {"schema": shape_of(body), "example": body}}
    return {"description": _phrase(refused.status), "content": content}


def _phrase(status: int) -> str:
    return f"{HTTPStatus(status).phrase}."


def _retry_after(*, required: bool) -> Described:
    described = {"description": "In so many seconds.", "schema": {"type": "integer", "minimum": 1}}
    return {str(hdrs.RETRY_AFTER): described | {"required": required}}


def _limit_headers(source: Source) -> Described:
    """What is said of the limit with every answer that counts: by header, as for a first request."""
    limit = source.limit
    first = Allowance(limit=limit.requests, remaining=limit.requests - 1, reset_seconds=limit.seconds)
    return {
        header: {
            "description": _LIMIT_HEADERS.get(header, "As this API calls it."),
            "required": True,
            "schema": shape_of(int(value) if value.isdigit() else value),
        }
        for header, value in limit_headers(limit, first).items()
    }
