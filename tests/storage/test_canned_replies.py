"""Canned replies in the database: one of a name, and no change is lost."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.tickets.canned_replies import (
    MAX_CANNED_REPLIES,
    CannedReplyChanged,
    CannedReplyExists,
    NewCannedReply,
    TooManyCannedReplies,
    UnknownCannedReply,
)
from bot.tickets.message import Actor
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, opened

BOB = Actor(id="12", name="Bob")


def new(workspace: Workspace, name: str = "Hello", text: str = "Hi {player}!") -> NewCannedReply:
    return NewCannedReply(workspace_id=workspace.id, name=name, text=text)


async def names(store: Store, *workspaces: Workspace) -> list[str]:
    found = await store.canned_replies.list_of_workspaces([one.id for one in workspaces])
    return [one.name for one in found]


async def test_a_canned_reply_is_found_by_its_name_in_any_case(store: Store, workspace: Workspace) -> None:
    saved = await store.canned_replies.add(new(workspace, "Größe"), WRITER, NOW)

    assert await store.canned_replies.get_by_name(workspace.id, " grösse ") == saved
    assert (saved.text, saved.saved_by, saved.saved_at) == ("Hi {player}!", "Alice", NOW)


async def test_a_name_is_used_once_in_a_workspace_and_again_in_another(
    store: Store, workspace: Workspace
) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    await store.canned_replies.add(new(workspace), WRITER, NOW)

    await store.canned_replies.add(new(other), WRITER, NOW)
    with pytest.raises(CannedReplyExists):
        await store.canned_replies.add(new(workspace, "HELLO"), WRITER, NOW)

    assert await names(store, workspace) == ["Hello"]
    with pytest.raises(UnknownCannedReply):
        await store.canned_replies.get_by_name(other.id, "else")


async def test_of_two_who_add_the_same_name_at_once_one_wins(store: Store, workspace: Workspace) -> None:
    results = await asyncio.gather(
        store.canned_replies.add(new(workspace), WRITER, NOW),
        store.canned_replies.add(new(workspace), BOB, NOW),
        return_exceptions=True,
    )

    assert [type(one) for one in results if isinstance(one, Exception)] == [CannedReplyExists]
    assert await names(store, workspace) == ["Hello"]


async def test_of_two_who_change_the_same_text_the_second_is_told_who_was_first(
    store: Store, workspace: Workspace
) -> None:
    saved = await store.canned_replies.add(new(workspace), WRITER, NOW)
    await store.canned_replies.change(saved.id, 0, new(workspace, text="Bob's"), BOB, NOW)

    with pytest.raises(CannedReplyChanged, match="Bob changed this canned reply meanwhile"):
        await store.canned_replies.change(saved.id, 0, new(workspace, text="Alice's"), WRITER, NOW)

    assert (await store.canned_replies.get(saved.id, [workspace.id])).text == "Bob's"


async def test_a_name_can_be_changed_but_not_to_one_that_is_taken(store: Store, workspace: Workspace) -> None:
    saved = await store.canned_replies.add(new(workspace), WRITER, NOW)
    await store.canned_replies.add(new(workspace, "Bye"), WRITER, NOW)

    with pytest.raises(CannedReplyExists):
        await store.canned_replies.change(saved.id, 0, new(workspace, "bye"), WRITER, NOW)
    await store.canned_replies.change(saved.id, 0, new(workspace, "HELLO"), WRITER, NOW)

    assert await names(store, workspace) == ["Bye", "HELLO"]


async def test_a_form_of_a_removed_reply_changes_no_other(store: Store, workspace: Workspace) -> None:
    saved = await store.canned_replies.add(new(workspace), WRITER, NOW)
    await store.canned_replies.remove(saved.id, workspace.id)
    await store.canned_replies.add(new(workspace, "Bye", "See you"), WRITER, NOW)

    with pytest.raises(UnknownCannedReply):
        await store.canned_replies.change(saved.id, 0, new(workspace), WRITER, NOW)

    assert (await store.canned_replies.get_by_name(workspace.id, "bye")).text == "See you"


async def test_no_workspace_reads_or_removes_those_of_another(store: Store, workspace: Workspace) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    saved = await store.canned_replies.add(new(workspace), WRITER, NOW)

    with pytest.raises(UnknownCannedReply):
        await store.canned_replies.get(saved.id, [other.id])
    with pytest.raises(UnknownCannedReply):
        await store.canned_replies.remove(saved.id, other.id)

    assert await names(store, workspace, other) == ["Hello"]


async def test_a_workspace_has_a_limit(store: Store, workspace: Workspace) -> None:
    for number in range(MAX_CANNED_REPLIES):
        await store.canned_replies.add(new(workspace, f"n{number}"), WRITER, NOW)

    with pytest.raises(TooManyCannedReplies):
        await store.canned_replies.add(new(workspace), WRITER, NOW)


async def test_they_are_there_after_a_restart(path: Path) -> None:
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        saved = await store.canned_replies.add(new(workspace, text="One\n\nTwo"), WRITER, NOW)

    async with opened(path) as store:
        assert await store.canned_replies.get_by_name(workspace.id, "hello") == saved
