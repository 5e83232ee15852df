-- Run in the database of the domain `evaluations`. Each row: what must hold, and how many rows break it.
SELECT 'ids have 22 characters of base64url' AS "check", count(*) AS violations
FROM (SELECT id FROM reviews UNION ALL SELECT id FROM tips) AS both_tables WHERE id !~ '^[A-Za-z0-9_-]{22}$'
UNION ALL
SELECT 'reviews have 1 to 5 stars', count(*)
FROM reviews WHERE stars NOT BETWEEN 1 AND 5
UNION ALL
SELECT 'reviews and tips say something', count(*)
FROM (SELECT content FROM reviews UNION ALL SELECT content FROM tips) AS both_tables WHERE content = ''
UNION ALL
SELECT 'no counter is below 0', count(*)
FROM reviews WHERE useful_count < 0 OR funny_count < 0 OR cool_count < 0
UNION ALL
SELECT 'no compliments are below 0', count(*)
FROM tips WHERE compliment_count < 0;
