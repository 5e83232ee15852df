-- In the database of `evaluations`: which places are named.
SELECT business_id COLLATE "C" AS id, NULL::date AS day FROM reviews
UNION SELECT business_id, NULL FROM tips ORDER BY 1;
