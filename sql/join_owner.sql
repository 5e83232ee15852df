-- Who is not a superuser can make objects for the owner group only as a member of it.
-- Variables: owner.
GRANT :"owner" TO CURRENT_USER;
