-- Times are milliseconds since 1970 (UTC). Discord ids are integers. Texts are kept as they came.

CREATE TABLE workspaces (
    id                  TEXT PRIMARY KEY,
    name                TEXT NOT NULL UNIQUE,
    guild_id            INTEGER NOT NULL,
    tickets_channel_id  INTEGER NOT NULL,
    reports_channel_id  INTEGER NOT NULL,
    staff_role_id       INTEGER NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT;

CREATE INDEX workspaces_by_guild ON workspaces (guild_id);

-- The key itself is nowhere: only its SHA-256, and a prefix a person can recognise it by.
CREATE TABLE api_keys (
    key_hash      TEXT PRIMARY KEY,
    prefix        TEXT NOT NULL UNIQUE,
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    source        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    revoked_at    INTEGER
) STRICT, WITHOUT ROWID;

-- "OR" and not "IN" in the checks of what is written with every request: for an IN, SQLite makes a table each time.
CREATE TABLE tickets (
    id                INTEGER PRIMARY KEY,
    uid               TEXT NOT NULL UNIQUE,
    public_id         TEXT NOT NULL UNIQUE,
    workspace_id      TEXT NOT NULL REFERENCES workspaces (id),
    source            TEXT NOT NULL,
    view_only         INTEGER NOT NULL CHECK (view_only = 0 OR view_only = 1),
    private           INTEGER NOT NULL CHECK (private = 0 OR private = 1),
    subject           TEXT NOT NULL,
    body              TEXT NOT NULL,
    category          TEXT NOT NULL,
    department        TEXT NOT NULL,
    priority          TEXT NOT NULL
        CHECK (priority = 'low' OR priority = 'normal' OR priority = 'high' OR priority = 'urgent'),
    status            TEXT NOT NULL
        CHECK (status = 'open' OR status = 'in-progress' OR status = 'resolved' OR status = 'closed'),
    reporter_id       TEXT,
    reporter          TEXT NOT NULL,                     -- JSON: the whole player
    reported_player   TEXT,                              -- JSON: the whole player
    facts             TEXT NOT NULL,                     -- JSON: [[label, value, url or null], ...]
    chat_log          TEXT NOT NULL,                     -- JSON: [line, ...]
    raw               TEXT NOT NULL,                     -- the request's JSON body as it came
    claimed_by_id      TEXT,
    claimed_by_name    TEXT,
    claimed_by_source  TEXT,
    post_channel_id   INTEGER,
    post_message_id   INTEGER UNIQUE,
    thread_id         INTEGER UNIQUE,
    revision          INTEGER NOT NULL DEFAULT 0,        -- counts changes, so that each redraw has a nonce
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;

CREATE INDEX tickets_by_reporter ON tickets (source, reporter_id, id);
CREATE INDEX tickets_by_workspace ON tickets (workspace_id, id);

CREATE TABLE messages (
    id             INTEGER PRIMARY KEY,
    ticket_id      INTEGER NOT NULL REFERENCES tickets (id),
    kind           TEXT NOT NULL CHECK (kind IN ('reply', 'note')),
    author_id      TEXT NOT NULL,                        -- the source's own id
    author_name    TEXT NOT NULL,
    author_source  TEXT NOT NULL,                        -- 'discord', or the game server that named them
    text           TEXT NOT NULL,
    origin         TEXT NOT NULL UNIQUE,                 -- the Discord event it came by: kept once, however often it comes
    created_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_by_ticket ON messages (ticket_id, id);

CREATE TABLE outbox (
    id               INTEGER PRIMARY KEY,
    ticket_id        INTEGER NOT NULL REFERENCES tickets (id),
    kind             TEXT NOT NULL CHECK (kind IN ('post', 'thread', 'private_thread', 'update_post', 'post_message', 'send_to_game')),
    lane             TEXT NOT NULL CHECK (lane = CASE kind WHEN 'send_to_game' THEN 'game' ELSE 'discord' END),
    channel_id       INTEGER NOT NULL,
    nonce            TEXT NOT NULL UNIQUE CHECK (length(nonce) <= 25),
    message_id       INTEGER REFERENCES messages (id),   -- the reply or note to show or return
    state            TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead_letter')),
    attempts         INTEGER NOT NULL DEFAULT 0,
    due_at           INTEGER NOT NULL,
    last_error       TEXT,
    receipt_channel  INTEGER,
    receipt_message  INTEGER,
    receipt_thread   INTEGER,
    created_at       INTEGER NOT NULL,
    settled_at       INTEGER
) STRICT;

CREATE INDEX outbox_pending ON outbox (lane, ticket_id, id) WHERE state = 'pending';

-- The head of each ticket's queue; a head that is not due yet holds back what stands behind it.
CREATE VIEW outbox_heads AS
SELECT outbox.* FROM outbox
JOIN (SELECT min(id) AS id FROM outbox WHERE state = 'pending' GROUP BY lane, ticket_id) AS heads USING (id);

-- View-only, locked. Whatever a program believes, the database keeps no reply to a game report.

CREATE TRIGGER no_reply_to_a_view_only_ticket
BEFORE INSERT ON messages
WHEN NEW.kind = 'reply' AND (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report takes no reply');
END;

CREATE TRIGGER no_reply_moved_to_a_view_only_ticket
BEFORE UPDATE OF ticket_id, kind ON messages
WHEN NEW.kind = 'reply' AND (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report takes no reply');
END;

CREATE TRIGGER nothing_returned_from_a_view_only_ticket
BEFORE INSERT ON outbox
WHEN NEW.kind = 'send_to_game' AND (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: nothing is sent back for a game report');
END;

CREATE TRIGGER nothing_return_bound_moved_to_a_view_only_ticket
BEFORE UPDATE OF ticket_id, kind ON outbox
WHEN NEW.kind = 'send_to_game' AND (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: nothing is sent back for a game report');
END;

CREATE TRIGGER view_only_never_changes
BEFORE UPDATE ON tickets  -- not "OF id": SQLite lets the same column be set as rowid
WHEN OLD.view_only IS NOT NEW.view_only OR OLD.id IS NOT NEW.id
BEGIN
    SELECT RAISE(ABORT, 'view-only: a ticket is born so and stays so');
END;

-- INSERT OR REPLACE would otherwise swap the row under its replies; an ordinary insert brings no id.
CREATE TRIGGER view_only_never_replaced
BEFORE INSERT ON tickets
WHEN EXISTS (SELECT 1 FROM tickets WHERE id = NEW.id AND view_only IS NOT NEW.view_only)
BEGIN
    SELECT RAISE(ABORT, 'view-only: a ticket is born so and stays so');
END;

-- The same by its other unique values. Ignored and not aborted: a new ticket whose id is taken just tries the next.
CREATE TRIGGER view_only_never_replaced_by_name
BEFORE INSERT ON tickets
WHEN NEW.view_only = 0
AND NOT EXISTS (SELECT 1 FROM tickets WHERE id = NEW.id AND view_only = 1)  -- refused aloud, above
AND EXISTS (
    SELECT 1 FROM tickets WHERE public_id = NEW.public_id AND view_only = 1
    UNION ALL SELECT 1 FROM tickets WHERE uid = NEW.uid AND view_only = 1
    UNION ALL SELECT 1 FROM tickets WHERE post_message_id = NEW.post_message_id AND view_only = 1
    UNION ALL SELECT 1 FROM tickets WHERE thread_id = NEW.thread_id AND view_only = 1
)
BEGIN
    SELECT RAISE(IGNORE);
END;

-- Without foreign keys, a reply could be there before its ticket.
CREATE TRIGGER no_reply_waits_for_a_view_only_ticket
AFTER INSERT ON tickets
WHEN NEW.view_only = 1 AND EXISTS (SELECT 1 FROM messages WHERE ticket_id = NEW.id AND kind = 'reply')
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report takes no reply');
END;
