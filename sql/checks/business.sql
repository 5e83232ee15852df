-- Run in the database of the domain `business`. Each row: what must hold, and how many rows break it.
SELECT 'ids have 22 characters of base64url' AS "check", count(*) AS violations
FROM business WHERE id !~ '^[A-Za-z0-9_-]{22}$'
UNION ALL
SELECT 'places have a name, an address and a city', count(*)
FROM business WHERE name = '' OR address = '' OR city = ''
UNION ALL
SELECT 'coordinates lie in North America', count(*)
FROM business WHERE latitude NOT BETWEEN 15 AND 72 OR longitude NOT BETWEEN -170 AND -50
UNION ALL
SELECT 'attributes are an object', count(*)
FROM business WHERE json_typeof(attributes) <> 'object'
UNION ALL
SELECT 'hours are an object of days and hours', count(*)
FROM business b, json_each_text(b.hours) AS day
WHERE day.key NOT IN ('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')
   OR day.value !~ '^[0-9]{1,2}:[0-9]{1,2}-[0-9]{1,2}:[0-9]{1,2}$';
