-- The same on Amazon RDS and Aurora, where nobody is a superuser.
-- Variables: role.
GRANT rds_replication TO :"role";
