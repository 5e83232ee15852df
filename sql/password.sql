-- Gives a login its password, at every set-up.
-- Variables: role, verifier (a SCRAM-SHA-256 verifier, worked out by the client, so that the
-- password itself reaches no server log; psql's \password does the same by hand).
ALTER ROLE :"role" LOGIN PASSWORD :'verifier';
