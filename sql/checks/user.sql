-- Run in the database of the domain `user`. Each row: what must hold, and how many rows break it.
SELECT 'friends name a user who is there (previous_user)' AS "check", count(*) AS violations
FROM friends f LEFT JOIN users u ON u.id = f.previous_user WHERE u.id IS NULL
UNION ALL
SELECT 'friends name a user who is there (next_user)', count(*)
FROM friends f LEFT JOIN users u ON u.id = f.next_user WHERE u.id IS NULL
UNION ALL
SELECT 'nobody follows himself', count(*)
FROM friends WHERE previous_user = next_user
UNION ALL
SELECT 'elite years belong to a user who is there', count(*)
FROM elite_members e LEFT JOIN users u ON u.id = e.user_id WHERE u.id IS NULL
UNION ALL
SELECT 'elite years are not before the user joined', count(*)
FROM elite_members e JOIN users u ON u.id = e.user_id WHERE e.year < extract(year FROM u.yelping_since)
UNION ALL
SELECT 'ids have 22 characters of base64url', count(*)
FROM users WHERE id !~ '^[A-Za-z0-9_-]{22}$'
UNION ALL
SELECT 'users have a name', count(*)
FROM users WHERE name = '';
