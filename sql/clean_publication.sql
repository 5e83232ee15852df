-- Drops a publication in a database that is not ours (`provision: schemas`).
-- Variables: publication.
DROP PUBLICATION IF EXISTS :"publication";
