-- Lists, totals and searches that stay fast however many tickets are kept. All of it is told from the tickets alone
-- and filled behind their intake, a batch at a time: whoever asks looks through the few that it does not hold yet.

-- Up to which ticket it is filled: the sorts and the reported players, and the words.
CREATE TABLE indexed (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    sorted_to    INTEGER NOT NULL,
    searched_to  INTEGER NOT NULL
) STRICT;

-- Every sort of ticket there is or was, and how many tickets are of it now.
CREATE TABLE sorts (
    id            INTEGER PRIMARY KEY,
    workspace_id  TEXT NOT NULL,
    source        TEXT NOT NULL,
    status        TEXT NOT NULL,
    category      TEXT NOT NULL,
    department    TEXT NOT NULL,
    number        INTEGER NOT NULL,
    UNIQUE (workspace_id, source, status, category, department)
) STRICT;

CREATE TABLE sorted_tickets (
    sort_id    INTEGER NOT NULL,
    ticket_id  INTEGER NOT NULL,
    PRIMARY KEY (sort_id, ticket_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE reported_tickets (
    reported_id  TEXT NOT NULL,                         -- the source's own id of the reported player
    ticket_id    INTEGER NOT NULL,
    PRIMARY KEY (reported_id, ticket_id)
) STRICT, WITHOUT ROWID;

INSERT INTO sorts (workspace_id, source, status, category, department, number)
SELECT workspace_id, source, status, category, department, count(*) FROM tickets GROUP BY 1, 2, 3, 4, 5;

INSERT INTO sorted_tickets
SELECT sorts.id, tickets.id FROM tickets JOIN sorts USING (workspace_id, source, status, category, department)
ORDER BY 1, 2;

INSERT INTO reported_tickets
SELECT json_extract(reported_player, '$[0]') AS reported_id, id FROM tickets
WHERE json_extract(reported_player, '$[0]') IS NOT NULL ORDER BY 1, 2;

INSERT INTO indexed SELECT 1, coalesce(max(id), 0), 0 FROM tickets;

-- They cost every ticket that comes in, and what they were for is here now.
DROP INDEX tickets_by_workspace;
DROP INDEX tickets_by_source;

-- Which tickets hold each three letters in a row: of the subject and the reporter's names. Not the texts themselves,
-- and not where in them.
CREATE VIRTUAL TABLE search_words USING fts5 (
    words, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1'
);

-- Tickets whose reporter is another than the one whose names are among the words.
CREATE TABLE renamed_tickets (
    ticket_id  INTEGER PRIMARY KEY,
    reporter   TEXT NOT NULL                            -- JSON: the whole player, as it was then
) STRICT;

CREATE TRIGGER sorted_anew
AFTER UPDATE OF status, category, department ON tickets
WHEN (OLD.status, OLD.category, OLD.department) IS NOT (NEW.status, NEW.category, NEW.department)
AND OLD.id <= (SELECT sorted_to FROM indexed)
BEGIN
    DELETE FROM sorted_tickets WHERE ticket_id = OLD.id AND sort_id = (
        SELECT id FROM sorts
        WHERE workspace_id = OLD.workspace_id AND source = OLD.source AND status = OLD.status
          AND category = OLD.category AND department = OLD.department
    );
    UPDATE sorts SET number = number - 1
    WHERE workspace_id = OLD.workspace_id AND source = OLD.source AND status = OLD.status
      AND category = OLD.category AND department = OLD.department;
    INSERT INTO sorts (workspace_id, source, status, category, department, number)
    VALUES (OLD.workspace_id, OLD.source, NEW.status, NEW.category, NEW.department, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
    INSERT INTO sorted_tickets
    SELECT id, OLD.id FROM sorts
    WHERE workspace_id = OLD.workspace_id AND source = OLD.source AND status = NEW.status
      AND category = NEW.category AND department = NEW.department;
END;

CREATE TRIGGER reporter_renamed
AFTER UPDATE OF reporter ON tickets
WHEN OLD.reporter IS NOT NEW.reporter AND OLD.id <= (SELECT searched_to FROM indexed)
BEGIN
    INSERT INTO renamed_tickets VALUES (OLD.id, OLD.reporter) ON CONFLICT DO NOTHING;
END;

-- The head of each ticket's queue, as before; asked for one channel it looks at that channel's deliveries alone.
DROP VIEW outbox_heads;
CREATE VIEW outbox_heads AS
SELECT outbox.* FROM outbox
WHERE state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM outbox AS earlier
    WHERE earlier.lane = outbox.lane AND earlier.ticket_id = outbox.ticket_id
      AND earlier.state = 'pending' AND earlier.id < outbox.id
);
