-- What delivery needs to survive anything: when an attempt was begun, several posts in one message, how far people
-- were listened to, and a channel to say so in.

ALTER TABLE workspaces ADD COLUMN log_channel_id INTEGER;   -- where the bot says what is late or broken; NULL: nowhere

ALTER TABLE outbox ADD COLUMN begun_at INTEGER;             -- when the first attempt was begun
ALTER TABLE outbox ADD COLUMN last_begun_at INTEGER;        -- when the last one was
-- Posts that leave in one message, a digest, name the first of them; that one's nonce is the message's.
ALTER TABLE outbox ADD COLUMN lead_id INTEGER REFERENCES outbox (id);

CREATE INDEX outbox_by_channel ON outbox (channel_id, id) WHERE state = 'pending';
CREATE INDEX outbox_by_lead ON outbox (lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX outbox_in_digests ON outbox (ticket_id) WHERE lead_id IS NOT NULL;

ALTER TABLE tickets ADD COLUMN digest_message_id INTEGER;   -- the message it is shown in together with others

CREATE INDEX tickets_by_digest ON tickets (digest_message_id) WHERE digest_message_id IS NOT NULL;
CREATE INDEX tickets_by_post_channel ON tickets (post_channel_id, id) WHERE post_channel_id IS NOT NULL;

DROP VIEW kept_tickets;
CREATE VIEW kept_tickets AS
SELECT id, uid, public_id, workspace_id, source, view_only, private, subject, body, category, department, priority,
       status, reporter_id, reporter, reported_player, facts, chat_log, claimed_by_id, claimed_by_name,
       claimed_by_source, post_channel_id, post_message_id, thread_id, digest_message_id, revision, created_at,
       updated_at
FROM tickets;

-- A view takes its columns when it is made.
DROP VIEW outbox_heads;
CREATE VIEW outbox_heads AS
SELECT outbox.* FROM outbox
JOIN (SELECT min(id) AS id FROM outbox WHERE state = 'pending' GROUP BY lane, ticket_id) AS heads USING (id);

-- How far each channel and thread was listened to: everything people typed up to this message was seen to.
CREATE TABLE heard (
    place_id    INTEGER PRIMARY KEY,                        -- Discord's id of a channel or thread
    message_id  INTEGER NOT NULL
) STRICT;

-- Channels and roles that were deleted in Discord. Their ids never come back.
CREATE TABLE gone (
    discord_id  INTEGER PRIMARY KEY,
    found_at    INTEGER NOT NULL
) STRICT;

-- Taken and left again while the database takes nothing, to find out whether it does.
CREATE TABLE room (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    filler  BLOB NOT NULL
) STRICT;

-- What was said in workspaces' log channels about a channel in trouble, until the trouble is over.
CREATE TABLE notices (
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id),
    channel_id      INTEGER NOT NULL,                       -- the one in trouble
    log_channel_id  INTEGER NOT NULL,
    message_id      INTEGER NOT NULL,
    began_at        INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, channel_id)
) STRICT;

ALTER TABLE outbox ADD COLUMN told_at INTEGER;              -- the settled_at of a setting aside that was told of
