-- create invoices

CREATE TABLE invoice (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customer,
    issued_on   date NOT NULL DEFAULT current_date
);

CREATE TABLE invoice_line (
    invoice_id integer NOT NULL REFERENCES invoice,
    line_no    integer NOT NULL,
    sku        text NOT NULL REFERENCES product,
    quantity   integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (invoice_id, line_no)
);
