-- create products; the first rows come from the file products.csv beside this one

CREATE TABLE product (
    sku   text PRIMARY KEY,
    name  text NOT NULL,
    price numeric(10, 2) NOT NULL CHECK (price >= 0)
);

\copy product FROM 'products.csv' WITH (FORMAT csv, HEADER)
