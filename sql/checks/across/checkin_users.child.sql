-- In the database of `checkin`: who is named, and when first.
SELECT user_id COLLATE "C" AS id, min(checkin_date)::date AS day FROM checkins GROUP BY 1 ORDER BY 1;
