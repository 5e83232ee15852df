-- In the database of `business`: which places there are.
SELECT id COLLATE "C" AS id, NULL::date AS day FROM business ORDER BY 1;
