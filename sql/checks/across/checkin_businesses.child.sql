-- In the database of `checkin`: which places are named.
SELECT DISTINCT business_id COLLATE "C" AS id, NULL::date AS day FROM checkins ORDER BY 1;
