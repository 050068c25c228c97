-- What the whole of both contracts needs: workspace rules, named keys, the reporter's own words and a ticket's
-- history, answers to repeated requests, and refused bodies.
-- Two tables get a wider CHECK, for which SQLite wants them made anew; what refers to them is dropped before.

ALTER TABLE workspaces ADD COLUMN plan TEXT NOT NULL DEFAULT 'enterprise'
    CHECK (plan IN ('free', 'premium', 'enterprise'));
ALTER TABLE workspaces ADD COLUMN tickets_enabled INTEGER NOT NULL DEFAULT 1 CHECK (tickets_enabled IN (0, 1));
ALTER TABLE workspaces ADD COLUMN unknown_categories TEXT NOT NULL DEFAULT 'keep'
    CHECK (unknown_categories IN ('keep', 'refuse'));
ALTER TABLE workspaces ADD COLUMN default_department TEXT NOT NULL DEFAULT 'general';
-- JSON: [{id, name, channel_id, categories, members}, ...]
ALTER TABLE workspaces ADD COLUMN departments TEXT NOT NULL
    DEFAULT '[{"id":"general","name":"General","channel_id":null,"categories":[],"members":[]}]';
-- JSON: [{id, name, max_open}, ...]
ALTER TABLE workspaces ADD COLUMN categories TEXT NOT NULL DEFAULT '[]';

ALTER TABLE api_keys ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;

CREATE INDEX tickets_by_source ON tickets (workspace_id, source, id);

-- A ticket as it is read, again and again: without the request's body, which can be a megabyte.
CREATE VIEW kept_tickets AS
SELECT id, uid, public_id, workspace_id, source, view_only, private, subject, body, category, department, priority,
       status, reporter_id, reporter, reported_player, facts, chat_log, claimed_by_id, claimed_by_name,
       claimed_by_source, post_channel_id, post_message_id, thread_id, revision, created_at, updated_at
FROM tickets;

DROP TRIGGER no_reply_to_a_view_only_ticket;
DROP TRIGGER no_reply_moved_to_a_view_only_ticket;
DROP TRIGGER nothing_returned_from_a_view_only_ticket;
DROP TRIGGER nothing_return_bound_moved_to_a_view_only_ticket;
DROP TRIGGER no_reply_waits_for_a_view_only_ticket;
DROP VIEW outbox_heads;

CREATE TABLE new_messages (
    id             INTEGER PRIMARY KEY,
    ticket_id      INTEGER NOT NULL REFERENCES tickets (id),
    kind           TEXT NOT NULL CHECK (kind IN ('reply', 'note', 'follow-up', 'event')),
    author_id      TEXT NOT NULL,                        -- the source's own id
    author_name    TEXT NOT NULL,
    author_source  TEXT NOT NULL,                        -- 'discord', or the game server that named them
    text           TEXT NOT NULL,
    origin         TEXT NOT NULL UNIQUE,                 -- what it came by: kept once, however often it comes
    created_at     INTEGER NOT NULL
) STRICT;

INSERT INTO new_messages SELECT * FROM messages;
DROP TABLE messages;
ALTER TABLE new_messages RENAME TO messages;
CREATE INDEX messages_by_ticket ON messages (ticket_id, id);

CREATE TABLE new_outbox (
    id               INTEGER PRIMARY KEY,
    ticket_id        INTEGER NOT NULL REFERENCES tickets (id),
    kind             TEXT NOT NULL
        CHECK (kind = 'post' OR kind = 'thread' OR kind = 'private_thread' OR kind = 'update_post' OR kind = 'post_message'
               OR kind = 'post_pointer' OR kind = 'send_to_game'),
    lane             TEXT NOT NULL CHECK (lane = CASE kind WHEN 'send_to_game' THEN 'game' ELSE 'discord' END),
    channel_id       INTEGER NOT NULL,
    nonce            TEXT NOT NULL UNIQUE CHECK (length(nonce) <= 25),
    message_id       INTEGER REFERENCES messages (id),   -- what to show or return
    state            TEXT NOT NULL DEFAULT 'pending'
        CHECK (state = 'pending' OR state = 'done' OR state = 'dead_letter' OR state = 'dropped'),
    attempts         INTEGER NOT NULL DEFAULT 0,
    due_at           INTEGER NOT NULL,
    last_error       TEXT,
    receipt_channel  INTEGER,
    receipt_message  INTEGER,
    receipt_thread   INTEGER,
    created_at       INTEGER NOT NULL,
    settled_at       INTEGER
) STRICT;

INSERT INTO new_outbox SELECT * FROM outbox;
DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;
CREATE INDEX outbox_pending ON outbox (lane, ticket_id, id) WHERE state = 'pending';
CREATE INDEX outbox_buried ON outbox (id) WHERE state = 'dead_letter';

-- The head of each ticket's queue; a head that is not due yet holds back what stands behind it.
CREATE VIEW outbox_heads AS
SELECT outbox.* FROM outbox
JOIN (SELECT min(id) AS id FROM outbox WHERE state = 'pending' GROUP BY lane, ticket_id) AS heads USING (id);

-- View-only, locked again as it was.

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

CREATE TRIGGER no_reply_waits_for_a_view_only_ticket
AFTER INSERT ON tickets
WHEN NEW.view_only = 1 AND EXISTS (SELECT 1 FROM messages WHERE ticket_id = NEW.id AND kind = 'reply')
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report takes no reply');
END;

-- What a request was answered with, so that the same request again gets the same answer and does nothing.
CREATE TABLE answered (
    id          INTEGER PRIMARY KEY,
    sender      TEXT NOT NULL,                           -- the API key's prefix
    path        TEXT NOT NULL,
    token       TEXT,                                    -- its Idempotency-Key; NULL: the digest says what is the same
    digest      TEXT NOT NULL,                           -- SHA-256 of the body
    body        BLOB NOT NULL,                           -- the answer, to the byte
    keep_until  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX answered_by_token ON answered (sender, path, token) WHERE token IS NOT NULL;
CREATE INDEX answered_by_digest ON answered (sender, path, digest) WHERE token IS NULL;
CREATE INDEX answered_by_end ON answered (keep_until);

-- Bodies that made no sense, from senders whose key did.
CREATE TABLE rejected (
    id          INTEGER PRIMARY KEY,
    key_prefix  TEXT NOT NULL REFERENCES api_keys (prefix),
    path        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    body        BLOB NOT NULL,                           -- its beginning
    size        INTEGER NOT NULL,                        -- of the whole, in bytes
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX rejected_by_key ON rejected (key_prefix, id);
