-- Times are milliseconds since 1970 (UTC). Discord ids are integers. Texts are stored as they came.
-- "OR" and not "IN" in the checks of what is written with every request: for an IN, SQLite makes a table each time.

CREATE TABLE workspaces (
    id                  TEXT PRIMARY KEY,
    version             TEXT NOT NULL,                      -- random; another one after each change, also of its rules
    name                TEXT NOT NULL UNIQUE,
    guild_id            INTEGER NOT NULL,
    tickets_channel_id  INTEGER NOT NULL,
    reports_channel_id  INTEGER NOT NULL,
    staff_role_id       INTEGER NOT NULL,
    log_channel_id      INTEGER,                            -- for alerts; NULL: none
    watcher_role_id     INTEGER,                            -- look at tickets and add notes; NULL: nobody
    admin_role_id       INTEGER,                            -- change the workspace without Manage Server; NULL: nobody
    plan                TEXT NOT NULL CHECK (plan IN ('free', 'premium', 'enterprise')),
    tickets_enabled     INTEGER NOT NULL CHECK (tickets_enabled IN (0, 1)),
    unknown_categories  TEXT NOT NULL CHECK (unknown_categories IN ('keep', 'refuse')),
    thank_reporters     INTEGER NOT NULL CHECK (thank_reporters IN (0, 1)),
    name_staff          INTEGER NOT NULL CHECK (name_staff IN (0, 1)),
    default_department  TEXT NOT NULL,
    retention_days      INTEGER CHECK (retention_days > 0), -- after which ended tickets are erased; NULL: never
    created_at          INTEGER NOT NULL
) STRICT;

CREATE INDEX workspaces_by_guild ON workspaces (guild_id);

-- The rules of a workspace; `position` is their order.

CREATE TABLE categories (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    id            TEXT NOT NULL,
    position      INTEGER NOT NULL,
    name          TEXT NOT NULL,
    max_open      INTEGER,                                  -- open tickets of one player; NULL: any number
    PRIMARY KEY (workspace_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE departments (
    workspace_id   TEXT NOT NULL REFERENCES workspaces (id),
    id             TEXT NOT NULL,
    position       INTEGER NOT NULL,
    name           TEXT NOT NULL,
    channel_id     INTEGER,                                 -- NULL: the workspace's channels
    staff_role_id  INTEGER,                                 -- staff of this department alone; NULL: nobody
    PRIMARY KEY (workspace_id, id)
) STRICT, WITHOUT ROWID;

-- Which categories a department handles; without a row: any.
CREATE TABLE department_categories (
    workspace_id   TEXT NOT NULL,
    department_id  TEXT NOT NULL,
    category_id    TEXT NOT NULL,
    position       INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, department_id, category_id),
    FOREIGN KEY (workspace_id, department_id) REFERENCES departments (workspace_id, id)
) STRICT, WITHOUT ROWID;

-- The game's ids of who sees a department's tickets there; without a row: all staff.
CREATE TABLE department_members (
    workspace_id   TEXT NOT NULL,
    department_id  TEXT NOT NULL,
    member_id      TEXT NOT NULL,
    position       INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, department_id, member_id),
    FOREIGN KEY (workspace_id, department_id) REFERENCES departments (workspace_id, id)
) STRICT, WITHOUT ROWID;

-- Who is called when a ticket of a priority is posted; without a row: nobody.
CREATE TABLE priorities (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    priority      TEXT NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    role_id       INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, priority)
) STRICT, WITHOUT ROWID;

-- The tags that staff can give to tickets.
CREATE TABLE tags (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    name          TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name)
) STRICT, WITHOUT ROWID;

-- Texts that staff reply with again and again.
CREATE TABLE canned_replies (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,        -- never used again: a form may be old
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL,                            -- the name with case folded
    text          TEXT NOT NULL,
    revision      INTEGER NOT NULL,                         -- how often it was changed
    saved_by      TEXT NOT NULL,                            -- the name of who saved it last
    saved_at      INTEGER NOT NULL,
    UNIQUE (workspace_id, name_key)
) STRICT;

-- The key itself is nowhere: only its SHA-256, and a prefix by which people recognize it.
CREATE TABLE api_keys (
    key_hash         TEXT PRIMARY KEY,
    prefix           TEXT NOT NULL UNIQUE,
    workspace_id     TEXT NOT NULL REFERENCES workspaces (id),
    source           TEXT NOT NULL,
    name             TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER,
    last_used_at     INTEGER,
    events_asked_at  INTEGER,                               -- when it last asked for events, to the minute
    all_asked_at     INTEGER,                               -- the same, for all events and not those of some players
    revoked_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_that_ask ON api_keys (workspace_id, source) WHERE events_asked_at IS NOT NULL;

CREATE TABLE tickets (
    id                     INTEGER PRIMARY KEY,
    uid                    TEXT NOT NULL,                   -- 24 hex digits; the last ten are the id
    public_id              TEXT NOT NULL UNIQUE,
    workspace_id           TEXT NOT NULL REFERENCES workspaces (id),
    source                 TEXT NOT NULL,
    view_only              INTEGER NOT NULL CHECK (view_only = 0 OR view_only = 1),
    is_private             INTEGER NOT NULL CHECK (is_private = 0 OR is_private = 1),
    status                 TEXT NOT NULL
        CHECK (status = 'open' OR status = 'in-progress' OR status = 'unfinished' OR status = 'resolved'
               OR status = 'closed'),
    priority               TEXT NOT NULL
        CHECK (priority = 'low' OR priority = 'normal' OR priority = 'high' OR priority = 'urgent'),
    category               TEXT NOT NULL,
    department             TEXT NOT NULL,
    subject                TEXT NOT NULL,
    reporter_id            TEXT,                            -- the source's own id, like the reported player's
    reporter_name          TEXT,
    reporter_display_name  TEXT,
    reporter_avatar_url    TEXT,
    reporter_profile_url   TEXT,
    reported_id            TEXT,
    reported_name          TEXT,
    reported_display_name  TEXT,
    reported_avatar_url    TEXT,
    reported_profile_url   TEXT,
    claimed_by_id          TEXT,
    claimed_by_name        TEXT,
    claimed_by_source      TEXT,
    closed_by_id           TEXT,                            -- who closed or resolved it, if that is known
    closed_by_name         TEXT,
    closed_by_source       TEXT,
    close_reason           TEXT NOT NULL DEFAULT '',        -- for staff; leaves Discord in no response and no event
    post_channel_id        INTEGER,
    post_message_id        INTEGER,                         -- a message of its own
    digest_message_id      INTEGER,                         -- else the digest it is shown in
    thread_id              INTEGER,
    revision               INTEGER NOT NULL DEFAULT 0,      -- how often it was changed
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL,
    erased_at              INTEGER,                         -- when its texts and its reporter were erased
    reported_erased_at     INTEGER,                         -- the same for its reported player
    fields                 TEXT NOT NULL,                   -- JSON: [[label, value, url or null], ...]
    chat_log               TEXT NOT NULL,                   -- JSON: [line, ...]
    body                   TEXT NOT NULL,
    raw_request            TEXT NOT NULL                    -- the request's JSON body, which can be a megabyte
) STRICT;

CREATE UNIQUE INDEX tickets_by_post ON tickets (post_message_id) WHERE post_message_id IS NOT NULL;
CREATE UNIQUE INDEX tickets_by_thread ON tickets (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX tickets_by_digest ON tickets (digest_message_id) WHERE digest_message_id IS NOT NULL;
CREATE INDEX tickets_by_post_channel ON tickets (post_channel_id, id) WHERE post_channel_id IS NOT NULL;
-- For the limit of open tickets; everything else about players is found by the search index.
CREATE INDEX tickets_open_by_reporter ON tickets (source, reporter_id)
WHERE view_only = 0 AND (status = 'open' OR status = 'in-progress' OR status = 'unfinished');
-- For retention: nothing happens to a ticket after its end, so that was its last change.
CREATE INDEX tickets_ended ON tickets (workspace_id, updated_at)
WHERE erased_at IS NULL AND (status = 'resolved' OR status = 'closed');

-- A ticket as it is read again and again: without the request's body.
CREATE VIEW tickets_without_body AS
SELECT id, uid, public_id, workspace_id, source, view_only, is_private, status, priority, category, department,
       subject, reporter_id, reporter_name, reporter_display_name, reporter_avatar_url, reporter_profile_url,
       reported_id, reported_name, reported_display_name, reported_avatar_url, reported_profile_url,
       claimed_by_id, claimed_by_name, claimed_by_source, closed_by_id, closed_by_name, closed_by_source,
       close_reason, post_channel_id, post_message_id, digest_message_id, thread_id, revision, created_at,
       updated_at, erased_at, reported_erased_at, fields, chat_log, body,
       (SELECT json_group_array(tag) FROM ticket_tags WHERE ticket_id = tickets.id) AS tags
FROM tickets;

CREATE TABLE ticket_tags (
    ticket_id  INTEGER NOT NULL REFERENCES tickets (id),
    tag        TEXT NOT NULL,
    PRIMARY KEY (ticket_id, tag)
) STRICT, WITHOUT ROWID;

-- What the latest change of a ticket in Discord was made from, as long as it can be undone.
CREATE TABLE undoable_changes (
    ticket_id   INTEGER PRIMARY KEY REFERENCES tickets (id),
    revision    INTEGER NOT NULL,                           -- of the ticket after the change
    actor_id    TEXT NOT NULL,                              -- a Discord member
    state       TEXT NOT NULL,                              -- JSON: what staff change of a ticket, before
    expires_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX undoable_changes_by_time ON undoable_changes (expires_at);

-- Who works on a ticket besides its claimer.
CREATE TABLE ticket_assignees (
    ticket_id    INTEGER NOT NULL REFERENCES tickets (id),
    source       TEXT NOT NULL,
    member_id    TEXT NOT NULL,
    name         TEXT NOT NULL,
    position     INTEGER NOT NULL,                          -- their order
    assigned_at  INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, source, member_id)
) STRICT, WITHOUT ROWID;

-- What is to be done to a ticket at a time.
CREATE TABLE timers (
    ticket_id  INTEGER NOT NULL REFERENCES tickets (id),
    kind       TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_by_time ON timers (due_at);

CREATE TABLE messages (
    id             INTEGER PRIMARY KEY,
    ticket_id      INTEGER NOT NULL REFERENCES tickets (id),
    kind           TEXT NOT NULL CHECK (kind IN ('reply', 'note', 'follow-up', 'event', 'feedback')),
    author_id      TEXT NOT NULL,                           -- the source's own id
    author_name    TEXT NOT NULL,
    author_source  TEXT NOT NULL,                           -- 'discord', or the source that named them
    text           TEXT NOT NULL,
    detail         TEXT NOT NULL DEFAULT '',                -- of an event: what only staff read of it
    origin         TEXT NOT NULL UNIQUE,                    -- what it came from: stored once, however often it comes
    created_at     INTEGER NOT NULL,
    shown_channel  INTEGER,                                 -- the channel or thread of the Discord message
    shown_message  INTEGER,                                 -- that shows it, or that was typed; NULL: none yet
    shown_typed    INTEGER NOT NULL DEFAULT 0 CHECK (shown_typed IN (0, 1))
) STRICT;

CREATE INDEX messages_by_ticket ON messages (ticket_id, id);

-- How reporters rated their tickets. The message shows it to staff: it has the comment, and who gave it.
CREATE TABLE feedback (
    ticket_id     INTEGER PRIMARY KEY REFERENCES tickets (id),
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    rating        INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    message_id    INTEGER NOT NULL REFERENCES messages (id),
    given_at      INTEGER NOT NULL                          -- or changed
) STRICT;

CREATE INDEX feedback_by_workspace ON feedback (workspace_id, rating);

-- What game servers may ask for: replies to the reporters, and changes of status. Numbered from 1 in each scope.
CREATE TABLE ticket_events (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    source        TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    type          TEXT NOT NULL CHECK (type = 'ticket.reply' OR type = 'ticket.status'),
    ticket_id     INTEGER NOT NULL REFERENCES tickets (id),
    reporter_id   TEXT,                                     -- of the ticket
    status        TEXT NOT NULL,                            -- of the ticket after the event
    message_id    INTEGER REFERENCES messages (id),
    created_at    INTEGER NOT NULL,
    received_at   INTEGER,                                  -- when a game server first had it
    received_by   TEXT,                                     -- the name of its API key, or of the webhook that took it
    received_as   TEXT CHECK (received_as = 'read' OR received_as = 'fetched' OR received_as = 'pushed'),
    PRIMARY KEY (workspace_id, source, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX ticket_events_by_ticket ON ticket_events (ticket_id, seq);
CREATE VIEW ticket_events_with_tickets AS
SELECT ticket_events.workspace_id AS event_workspace_id, ticket_events.source AS event_source, ticket_id, seq, type,
       ticket_events.status AS event_status, message_id, ticket_events.created_at AS event_created_at, received_at,
       received_by, received_as, tickets.*
FROM ticket_events CROSS JOIN tickets_without_body AS tickets ON tickets.id = ticket_events.ticket_id;

CREATE INDEX ticket_events_unreceived ON ticket_events (workspace_id, source, seq) WHERE received_at IS NULL;
CREATE INDEX ticket_events_unread_by_reporter ON ticket_events (reporter_id)
WHERE received_at IS NULL OR received_as <> 'read';

-- Outgoing webhooks: where the events of a workspace and source are pushed to.
CREATE TABLE push_endpoints (
    id               INTEGER PRIMARY KEY,
    workspace_id     TEXT NOT NULL REFERENCES workspaces (id),
    source           TEXT NOT NULL,
    name             TEXT NOT NULL,
    url              TEXT NOT NULL,
    secret           TEXT NOT NULL,                         -- itself and not its hash: it signs
    previous_secret  TEXT,                                  -- signs as well until rotated_until
    rotated_until    INTEGER,
    state            TEXT NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
    reason           TEXT,                                  -- why it is disabled
    rests_until      INTEGER,                               -- it asked for no more until then
    accepted_at      INTEGER,                               -- when it last accepted an event
    failing_since    INTEGER,                               -- the first attempt that failed since then
    created_at       INTEGER NOT NULL
) STRICT;

CREATE INDEX push_endpoints_by_scope ON push_endpoints (workspace_id, source);

-- Events that an endpoint has not accepted yet; written with the event.
CREATE TABLE pushes (
    endpoint_id       INTEGER NOT NULL REFERENCES push_endpoints (id),
    seq               INTEGER NOT NULL,                     -- of the event
    ticket_id         INTEGER NOT NULL REFERENCES tickets (id),
    state             TEXT NOT NULL DEFAULT 'pending' CHECK (state = 'pending' OR state = 'dead_letter'),
    attempts          INTEGER NOT NULL DEFAULT 0,
    due_at            INTEGER NOT NULL,
    first_attempt_at  INTEGER,
    last_error        TEXT,
    created_at        INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX pushes_by_ticket ON pushes (ticket_id, endpoint_id, seq);
CREATE INDEX pushes_by_due_at ON pushes (endpoint_id, due_at, seq) WHERE state = 'pending';

-- The pushes to active endpoints that wait for no earlier one of their ticket.
CREATE VIEW next_pushes AS
SELECT pushes.*, CASE WHEN rests_until > due_at THEN rests_until ELSE due_at END AS ready_at
FROM pushes JOIN push_endpoints ON push_endpoints.id = endpoint_id
WHERE pushes.state = 'pending' AND push_endpoints.state = 'active' AND NOT EXISTS (
    SELECT 1 FROM pushes AS earlier
    WHERE earlier.ticket_id = pushes.ticket_id AND earlier.endpoint_id = pushes.endpoint_id
      AND earlier.state = 'pending' AND earlier.seq < pushes.seq
);

CREATE TABLE outbox (
    id                INTEGER PRIMARY KEY,
    ticket_id         INTEGER NOT NULL REFERENCES tickets (id),
    guild_id          INTEGER NOT NULL,
    kind              TEXT NOT NULL
        CHECK (kind = 'post' OR kind = 'thread' OR kind = 'private_thread' OR kind = 'update_post'
               OR kind = 'post_message' OR kind = 'post_event' OR kind = 'update_message'
               OR kind = 'post_pointer' OR kind = 'direct_message'),
    queue             TEXT NOT NULL,                        -- one attempt at a time in each
    channel_id        INTEGER NOT NULL,                     -- of a direct message, the member it goes to
    nonce             TEXT NOT NULL CHECK (length(nonce) <= 25),
    message_id        INTEGER REFERENCES messages (id),     -- what to show
    state             TEXT NOT NULL DEFAULT 'pending'
        CHECK (state = 'pending' OR state = 'done' OR state = 'dead_letter' OR state = 'dropped'
               OR state = 'held'),                          -- until due_at, when the quiet hours of its reader end
    attempts          INTEGER NOT NULL DEFAULT 0,
    due_at            INTEGER NOT NULL,
    first_attempt_at  INTEGER,
    last_attempt_at   INTEGER,
    digest_lead_id    INTEGER REFERENCES outbox (id),       -- the first post of its digest, whose nonce all of them have
    last_error        TEXT,
    receipt_channel   INTEGER,
    receipt_message   INTEGER,
    receipt_thread    INTEGER,
    created_at        INTEGER NOT NULL,
    settled_at        INTEGER,
    reported_at       INTEGER                               -- the settled_at of a dead letter that people were told of
) STRICT;

CREATE INDEX outbox_by_ticket ON outbox (ticket_id, id) WHERE state = 'pending';
CREATE INDEX outbox_by_queue ON outbox (queue, id) WHERE state = 'pending';
CREATE INDEX outbox_by_due_at ON outbox (due_at) WHERE state = 'pending' AND attempts > 0;
CREATE INDEX outbox_dead_letters ON outbox (id) WHERE state = 'dead_letter';
CREATE INDEX outbox_held ON outbox (due_at) WHERE state = 'held';
CREATE INDEX outbox_held_by_queue ON outbox (queue) WHERE state = 'held';
CREATE INDEX outbox_by_digest ON outbox (digest_lead_id) WHERE digest_lead_id IS NOT NULL;
CREATE INDEX outbox_digests_by_ticket ON outbox (ticket_id) WHERE digest_lead_id IS NOT NULL;
CREATE INDEX outbox_direct_messages_by_ticket ON outbox (ticket_id) WHERE kind = 'direct_message';
CREATE INDEX outbox_pointers_by_ticket ON outbox (ticket_id) WHERE kind = 'post_pointer';

-- The pending deliveries that wait for no earlier one of their ticket: everything follows the post, a message
-- also the thread, the edit of a message also that message, and whatever is in the same queue keeps its order. One
-- that is not due yet holds back the same as one that is. A direct message needs nothing of the ticket in Discord.
CREATE VIEW outbox_next AS
SELECT outbox.* FROM outbox
WHERE state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM outbox AS earlier
    WHERE earlier.ticket_id = outbox.ticket_id AND earlier.state = 'pending' AND earlier.id < outbox.id
      AND (earlier.queue = outbox.queue
           OR (outbox.kind <> 'direct_message' AND (earlier.kind = 'post' OR earlier.kind = 'private_thread'))
           OR (earlier.kind = 'thread' AND (outbox.kind = 'post_message' OR outbox.kind = 'post_event'))
           OR (earlier.kind = 'post_message' AND outbox.kind = 'update_message'
               AND earlier.message_id = outbox.message_id))
);

-- Reporters whose tickets are kept without being posted. A block that ended stays, as its own history.
CREATE TABLE blocks (
    id                 INTEGER PRIMARY KEY,
    workspace_id       TEXT NOT NULL REFERENCES workspaces (id),
    source             TEXT NOT NULL,
    player_id          TEXT NOT NULL,                       -- what tickets call their reporter; '': erased
    player_name        TEXT,
    reason             TEXT NOT NULL,
    blocked_by         TEXT NOT NULL,                       -- the name of who did
    blocked_by_id      TEXT NOT NULL,
    blocked_by_source  TEXT NOT NULL,
    blocked_at         INTEGER NOT NULL,
    expires_at         INTEGER,                             -- NULL: never
    ended_at           INTEGER,                             -- when it was removed; NULL also for one that expired
    ended_by           TEXT,
    ended_by_id        TEXT
) STRICT;

CREATE UNIQUE INDEX blocks_in_force ON blocks (player_id, workspace_id, source) WHERE ended_at IS NULL;

-- The tickets that came while their reporter was blocked.
CREATE TABLE blocked_tickets (
    ticket_id  INTEGER PRIMARY KEY REFERENCES tickets (id),
    block_id   INTEGER NOT NULL REFERENCES blocks (id)
) STRICT;

CREATE INDEX blocked_tickets_by_block ON blocked_tickets (block_id, ticket_id);

CREATE VIEW blocks_with_counts AS
SELECT blocks.*, (SELECT count(*) FROM blocked_tickets WHERE block_id = blocks.id) AS kept_tickets
FROM blocks;

-- Which game account belongs to which Discord account, as a game server of the workspace confirmed.
CREATE TABLE account_links (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,        -- never used again: a list of staff may be old
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    source        TEXT NOT NULL,
    player_id     TEXT NOT NULL,                            -- what tickets call their reporter
    player_name   TEXT,
    discord_id    INTEGER NOT NULL,
    discord_name  TEXT NOT NULL,                            -- when it was linked
    linked_at     INTEGER NOT NULL,
    UNIQUE (workspace_id, player_id, source)
) STRICT;

CREATE INDEX account_links_by_workspace ON account_links (workspace_id, id);
CREATE INDEX account_links_by_member ON account_links (discord_id, workspace_id);
CREATE INDEX account_links_by_name ON account_links (workspace_id, lower(player_name));

-- The newest reply that a Discord member has looked at with the bot's commands, on a ticket of their own.
CREATE TABLE seen_replies (
    ticket_id   INTEGER NOT NULL REFERENCES tickets (id),
    discord_id  INTEGER NOT NULL,
    message_id  INTEGER NOT NULL REFERENCES messages (id),
    PRIMARY KEY (ticket_id, discord_id)
) STRICT, WITHOUT ROWID;

-- What Discord members chose for direct messages, and what is known of them.
CREATE TABLE member_preferences (
    discord_id       INTEGER PRIMARY KEY,
    locale           TEXT,                                  -- of their Discord client, when they last used the bot
    direct_messages  INTEGER NOT NULL DEFAULT 1 CHECK (direct_messages IN (0, 1)),
    quiet_from       INTEGER CHECK (quiet_from BETWEEN 0 AND 1439),  -- minutes after midnight, in their time zone
    quiet_to         INTEGER CHECK (quiet_to BETWEEN 0 AND 1439),
    time_zone        TEXT,                                  -- by its IANA name; NULL: UTC
    reachable        TEXT NOT NULL DEFAULT 'yes' CHECK (reachable IN ('yes', 'no', 'retry')),
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
) STRICT;

-- Codes that were made in Discord to be typed in a game: one for each member of a server. A used one is kept, for
-- a game server that repeats its request.
CREATE TABLE discord_link_codes (
    guild_id      INTEGER NOT NULL,
    discord_id    INTEGER NOT NULL,
    discord_name  TEXT NOT NULL,
    code_hash     TEXT NOT NULL UNIQUE,
    expires_at    INTEGER NOT NULL,
    used_at       INTEGER,
    PRIMARY KEY (guild_id, discord_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX discord_link_codes_by_time ON discord_link_codes (expires_at);

-- Codes that were made in a game to be typed in Discord: one for each game account.
CREATE TABLE game_link_codes (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    source        TEXT NOT NULL,
    player_id     TEXT NOT NULL,
    player_name   TEXT,
    code_hash     TEXT NOT NULL UNIQUE,
    expires_at    INTEGER NOT NULL,
    used_at       INTEGER,
    PRIMARY KEY (workspace_id, source, player_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX game_link_codes_by_time ON game_link_codes (expires_at);

-- Wrong link codes; those out of the time in which they count are deleted.
CREATE TABLE link_attempts (
    id       INTEGER PRIMARY KEY,
    who      TEXT NOT NULL,                                 -- 'key:...', 'player:...' or 'member:...'
    made_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX link_attempts_by_who ON link_attempts (who, made_at);
CREATE INDEX link_attempts_by_time ON link_attempts (made_at);

-- The responses of requests that may be repeated: the same request again gets the same response.
CREATE TABLE idempotent_responses (
    key_prefix       TEXT NOT NULL,                         -- of the API key
    path             TEXT NOT NULL,
    idempotency_key  TEXT NOT NULL,                         -- 'header:' and its Idempotency-Key, or 'body:' and the SHA-256
    body_sha256      TEXT NOT NULL,
    response         BLOB NOT NULL,
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (key_prefix, path, idempotency_key)
) STRICT, WITHOUT ROWID;

-- Random keys that the bridge made for itself, each once.
CREATE TABLE secret_keys (
    name   TEXT PRIMARY KEY,
    value  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Bodies that did not validate or whose category is unknown, of requests with a valid key.
CREATE TABLE rejected_requests (
    id          INTEGER PRIMARY KEY,
    key_prefix  TEXT NOT NULL REFERENCES api_keys (prefix),
    path        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    body        BLOB NOT NULL,                              -- its beginning
    size        INTEGER NOT NULL,                           -- of the whole, in bytes
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX rejected_requests_by_key ON rejected_requests (key_prefix, id);

-- What was erased or is to be, and who wanted it.
CREATE TABLE erasures (
    id               INTEGER PRIMARY KEY,
    uid              TEXT NOT NULL UNIQUE,                  -- random; the same in every copy of the database
    requested_by     TEXT NOT NULL CHECK (requested_by IN ('operator', 'player', 'platform', 'retention')),
    workspace_id     TEXT REFERENCES workspaces (id),       -- NULL: all
    source           TEXT,                                  -- NULL, like the next two, for retention
    player_hash      TEXT,                                  -- SHA-256 of source, ':' and id
    player_id        TEXT,                                  -- until it is finished
    notification_id  TEXT,                                  -- of the platform's request, which may be repeated
    tickets          INTEGER NOT NULL DEFAULT 0,
    messages         INTEGER NOT NULL DEFAULT 0,
    requested_at     INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    purged_at        INTEGER                                -- no copies of it are left within the database's files
) STRICT;

CREATE UNIQUE INDEX erasures_by_notification ON erasures (workspace_id, source, notification_id)
WHERE notification_id IS NOT NULL;
CREATE INDEX erasures_unfinished ON erasures (id) WHERE purged_at IS NULL;

-- What verifies a game platform's requests to erase a player.
CREATE TABLE platform_secrets (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    source        TEXT NOT NULL,
    secret        TEXT NOT NULL,                            -- itself and not its hash: it verifies signatures
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, source)
) STRICT, WITHOUT ROWID;

-- Up to which message each channel and thread was read.
CREATE TABLE read_marks (
    channel_id  INTEGER PRIMARY KEY,
    message_id  INTEGER NOT NULL
) STRICT;

-- Channels and roles that were deleted in Discord, which never uses an id again.
CREATE TABLE deleted_discord_objects (
    discord_id  INTEGER PRIMARY KEY,
    found_at    INTEGER NOT NULL
) STRICT;

-- What was posted in log channels about a channel or an outgoing webhook that has a problem, until it is resolved.
CREATE TABLE alert_messages (
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id),
    subject         TEXT NOT NULL CHECK (subject IN ('channel', 'webhook')),
    subject_id      INTEGER NOT NULL,                       -- of the channel or the webhook
    log_channel_id  INTEGER NOT NULL,
    message_id      INTEGER NOT NULL,
    began_at        INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, subject, subject_id)
) STRICT;

-- Written and deleted while the database takes nothing, to find out whether it does again.
CREATE TABLE reserved_space (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    filler  BLOB NOT NULL
) STRICT;

-- The search index: which tickets have each value of each filter, and the texts. Filled after the tickets are
-- stored, a batch at a time; what is not in it yet is read from the tickets.

CREATE TABLE search_progress (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    indexed_to  INTEGER NOT NULL                            -- a ticket id: it holds all up to this, but the changed ones
) STRICT;

INSERT INTO search_progress VALUES (1, 0);

-- Tickets that changed since they were indexed.
CREATE TABLE changed_tickets (
    ticket_id  INTEGER PRIMARY KEY
) STRICT;

-- The tickets with one value of a filter, as bits of 65,536 ids: bit n of a block is the ticket block * 65536 + n.
CREATE TABLE ticket_bitmaps (
    id       INTEGER PRIMARY KEY,
    facet    TEXT NOT NULL,                                 -- workspace, source, status, category, ...
    value    TEXT NOT NULL,                                 -- '' as assignee: not claimed
    block    INTEGER NOT NULL,
    version  INTEGER NOT NULL,                              -- counts changes: readers keep decoded blocks in memory
    members  BLOB NOT NULL,                                 -- little-endian, without zeros at the end
    UNIQUE (facet, value, block)
) STRICT;

CREATE INDEX ticket_bitmaps_by_block ON ticket_bitmaps (block);

-- The tickets that a player reported or is reported in, or once was: the ticket's row decides.
CREATE TABLE player_tickets (
    player_id  TEXT NOT NULL,
    ticket_id  INTEGER NOT NULL,
    PRIMARY KEY (player_id, ticket_id)
) STRICT, WITHOUT ROWID;

-- Subjects and reporters' names, with case folded. With the texts themselves: to take a ticket out of an index without
-- them needs the same folded text again, and another Python may fold it differently.
CREATE VIRTUAL TABLE search_text USING fts5 (
    words, columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER ticket_changed_for_search
AFTER UPDATE OF status, priority, category, department, claimed_by_id, claimed_by_source, subject, reporter_id,
                reporter_name, reporter_display_name, reported_id ON tickets
BEGIN
    INSERT INTO changed_tickets VALUES (OLD.id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER tag_added_for_search
AFTER INSERT ON ticket_tags
BEGIN
    INSERT INTO changed_tickets VALUES (NEW.ticket_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER tag_removed_for_search
AFTER DELETE ON ticket_tags
BEGIN
    INSERT INTO changed_tickets VALUES (OLD.ticket_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER assignee_added_for_search
AFTER INSERT ON ticket_assignees
BEGIN
    INSERT INTO changed_tickets VALUES (NEW.ticket_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER assignee_removed_for_search
AFTER DELETE ON ticket_assignees
BEGIN
    INSERT INTO changed_tickets VALUES (OLD.ticket_id) ON CONFLICT DO NOTHING;
END;

-- View-only, locked: whatever a program believes, the database takes no reply to a game report.

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

CREATE TRIGGER no_event_of_a_reply_to_a_view_only_ticket
BEFORE INSERT ON ticket_events
WHEN NEW.type = 'ticket.reply' AND (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: nothing is sent back for a game report');
END;

CREATE TRIGGER no_event_of_a_reply_moved_to_a_view_only_ticket
BEFORE UPDATE OF ticket_id, type ON ticket_events
WHEN NEW.type = 'ticket.reply' AND (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: nothing is sent back for a game report');
END;

CREATE TRIGGER no_feedback_on_a_view_only_ticket
BEFORE INSERT ON feedback
WHEN (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report is not rated');
END;

CREATE TRIGGER no_feedback_moved_to_a_view_only_ticket
BEFORE UPDATE ON feedback
WHEN (SELECT view_only FROM tickets WHERE id = NEW.ticket_id) = 1
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report is not rated');
END;

CREATE TRIGGER view_only_never_changes
BEFORE UPDATE ON tickets  -- not "OF id": SQLite lets the same column be set as rowid
WHEN OLD.view_only IS NOT NEW.view_only OR OLD.id IS NOT NEW.id OR OLD.public_id IS NOT NEW.public_id
  OR OLD.uid IS NOT NEW.uid
BEGIN
    SELECT RAISE(ABORT, 'view-only: what a ticket is and its ids never change');
END;

-- UPDATE OR REPLACE would otherwise delete a report whose post or thread another ticket takes.
CREATE TRIGGER view_only_never_replaced_by_update
BEFORE UPDATE OF post_message_id, thread_id ON tickets
WHEN EXISTS (SELECT 1 FROM tickets WHERE post_message_id = NEW.post_message_id AND id <> NEW.id AND view_only = 1)
  OR EXISTS (SELECT 1 FROM tickets WHERE thread_id = NEW.thread_id AND id <> NEW.id AND view_only = 1)
BEGIN
    SELECT RAISE(ABORT, 'view-only: a game report is never replaced');
END;

-- INSERT OR REPLACE would otherwise put another ticket in its place, under its replies.
CREATE TRIGGER view_only_never_replaced
BEFORE INSERT ON tickets
WHEN EXISTS (SELECT 1 FROM tickets WHERE id = NEW.id AND view_only IS NOT NEW.view_only)
BEGIN
    SELECT RAISE(ABORT, 'view-only: what a ticket is and its ids never change');
END;

-- The same by its other unique values. Ignored and not aborted: a new ticket whose id is taken tries the next.
CREATE TRIGGER view_only_never_replaced_by_name
BEFORE INSERT ON tickets
WHEN NEW.view_only = 0
AND NOT EXISTS (SELECT 1 FROM tickets WHERE id = NEW.id AND view_only = 1)  -- aborted above
AND EXISTS (
    SELECT 1 FROM tickets WHERE public_id = NEW.public_id AND view_only = 1
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
