-- Run in the database of the domain `checkin`. Each row: what must hold, and how many rows break it.
SELECT 'ids have 22 characters of base64url' AS "check", count(*) AS violations
FROM checkins WHERE id !~ '^[A-Za-z0-9_-]{22}$'
UNION ALL
SELECT 'check-ins name a user and a business', count(*)
FROM checkins WHERE length(user_id) <> 22 OR length(business_id) <> 22;
