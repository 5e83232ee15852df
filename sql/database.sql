-- Makes a domain's database under a temporary name: CREATE DATABASE cannot share a transaction with
-- the comment that marks it, and a database of the final name must never be without its mark.
-- Run outside a transaction, by a superuser or a role with CREATEDB that is a member of the owner
-- group. From template0, so that it holds nothing but what is made here.
-- Variables: making, owner.
CREATE DATABASE :"making" WITH OWNER :"owner" TEMPLATE template0 ENCODING 'UTF8';
