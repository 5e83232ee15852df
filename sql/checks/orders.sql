-- Run in the database of the domain `orders`. Each row: what must hold, and how many rows break it.
SELECT 'orders are of a customer who is there' AS "check", count(*) AS violations
FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.id IS NULL
UNION ALL
SELECT 'items are of an order and of a product that are there', count(*)
FROM order_items i LEFT JOIN orders o ON o.id = i.order_id LEFT JOIN products p ON p.id = i.product_id
WHERE o.id IS NULL OR p.id IS NULL
UNION ALL
SELECT 'every order has items, numbered from 1 on', count(*)
FROM orders o LEFT JOIN (SELECT order_id, count(*) AS items, max(line) AS last FROM order_items GROUP BY 1) i ON i.order_id = o.id
WHERE i.items IS NULL OR i.last <> i.items
UNION ALL
SELECT 'an item is worth its price as often as it was ordered', count(*)
FROM order_items WHERE value <> price * quantity
UNION ALL
SELECT 'orders are not changed before they are made', count(*)
FROM orders WHERE updated_at < created_at
UNION ALL
SELECT 'no two customers have one address', count(*) - count(DISTINCT email)
FROM customers;
