-- Two customers must not share an email address.
ALTER TABLE customer ADD CONSTRAINT customer_email_key UNIQUE (email);
