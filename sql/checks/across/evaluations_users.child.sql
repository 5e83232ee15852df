-- In the database of `evaluations`: who is named, and when first.
SELECT user_id COLLATE "C" AS id, min(day) AS day
FROM (SELECT user_id, review_date AS day FROM reviews UNION ALL SELECT user_id, tips_date FROM tips) AS both_tables
GROUP BY 1 ORDER BY 1;
