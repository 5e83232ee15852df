-- In the database of `user`: who is there, and since when.
SELECT id COLLATE "C" AS id, yelping_since AS day FROM users ORDER BY 1;
