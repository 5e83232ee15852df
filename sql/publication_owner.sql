-- Gives the publication to the owner group, so that any member may bring it up to date.
-- Variables: publication, owner.
ALTER PUBLICATION :"publication" OWNER TO :"owner";
