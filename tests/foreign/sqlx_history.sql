CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.customer (
    id integer NOT NULL,
    name text NOT NULL
);
INSERT INTO public._sqlx_migrations VALUES (20240101000000, 'create customer', '2026-11-27 02:35:07.607533+00', true, '\x8526089fdcfc7578592a52e37703d626d29f008635839d31c196f4ae3ebbc622bb9073717db34404deeb95f7ca402761', 19541658);
INSERT INTO public._sqlx_migrations VALUES (20240102000000, 'index name', '2026-11-27 02:35:07.643127+00', true, '\xee08648a9762a422d4839655064ab5ed79f11c468e464e2be59f5fcbbf3fa90ba8e19b3e36473063e4250fcd6c4653aa', 18891945);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
CREATE INDEX customer_name ON public.customer USING btree (name);
