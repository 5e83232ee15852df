-- Enters a domain in its books. What is there keeps its stage; its start may move until the first
-- row is seeded.
-- Run in the domain's database, as the owner group.
-- Variables: books, scenario, hash, seed, start_us (microseconds since 1970), lanes,
-- tables (an array literal: the tables made in the domain's schema).
INSERT INTO :"books".mark (format, scenario, hash, seed, start_us, lanes, stage, tables)
VALUES (1, :'scenario', :'hash', :'seed', :'start_us', :'lanes', 'made', :'tables')
ON CONFLICT (one) DO UPDATE SET start_us = excluded.start_us, tables = excluded.tables;
