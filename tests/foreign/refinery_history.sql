CREATE TABLE public.customer (
    id integer NOT NULL,
    name text NOT NULL
);
CREATE TABLE public.refinery_schema_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
INSERT INTO public.refinery_schema_history VALUES (1, 'create_customer', '2026-11-27T02:35:40.892561622Z', '2059641820442856061');
INSERT INTO public.refinery_schema_history VALUES (2, 'index_name', '2026-11-27T02:35:40.892566308Z', '4684307095966366267');
ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.refinery_schema_history
    ADD CONSTRAINT refinery_schema_history_pkey PRIMARY KEY (version);
CREATE INDEX customer_name ON public.customer USING btree (name);
