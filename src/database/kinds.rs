//! What objects are called: their kinds and names, for every query that has to agree on them. Text only.

/// A catalogue of objects that stand alone, and that few migrations write to.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    pub name: &'static str,
    /// Its own number, the same in every database: to find it by name costs a new session as much as a small query.
    pub number: u32,
    /// What a row of it is called here.
    pub alias: &'static str,
    pub kind: &'static str,
    /// Its objects' names, as an expression.
    pub named: &'static str,
    /// What the name needs besides.
    pub with: &'static str,
    /// Which of its rows count.
    pub rows: &'static str,
    /// The number of the table that it goes with.
    pub part_of: &'static str,
    /// May only some users read it?
    pub is_restricted: bool,
}

const fn catalogue(
    name: &'static str,
    number: u32,
    alias: &'static str,
    kind: &'static str,
    named: &'static str,
) -> Catalogue {
    Catalogue {
        name,
        number,
        alias,
        kind,
        named,
        with: "",
        rows: "true",
        part_of: "NULL::oid",
        is_restricted: false,
    }
}

impl Catalogue {
    const fn with(self, with: &'static str) -> Self {
        Self { with, ..self }
    }

    const fn where_(self, rows: &'static str) -> Self {
        Self { rows, ..self }
    }

    const fn part_of(self, part_of: &'static str) -> Self {
        Self { part_of, ..self }
    }

    const fn restricted(self) -> Self {
        Self {
            is_restricted: true,
            ..self
        }
    }
}

/// What initdb has made has smaller numbers (PostgreSQL's `access/transam.h`).
macro_rules! of_people {
    ($alias:literal) => {
        concat!($alias, ".oid >= 16384")
    };
}

pub const ALONE: [Catalogue; 21] = [
    catalogue("pg_operator", 2617, "o", "operator", "own.name || '.' || o.oprname || '(' || concat_ws(', ', pg_catalog.format_type(nullif(o.oprleft, 0), NULL), pg_catalog.format_type(nullif(o.oprright, 0), NULL)) || ')'")
        .with("JOIN own ON own.oid = o.oprnamespace"),
    catalogue("pg_opclass", 2616, "c", "operator class", "own.name || '.' || quote_ident(c.opcname) || ' ' || m.amname")
        .with("JOIN own ON own.oid = c.opcnamespace JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod"),
    catalogue("pg_opfamily", 2753, "f", "operator family", "own.name || '.' || quote_ident(f.opfname) || ' ' || m.amname")
        .with("JOIN own ON own.oid = f.opfnamespace JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod"),
    catalogue("pg_cast", 2605, "c", "cast", "pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL)")
        .where_(of_people!("c")),
    catalogue("pg_collation", 3456, "c", "collation", "own.name || '.' || quote_ident(c.collname)")
        .with("JOIN own ON own.oid = c.collnamespace"),
    catalogue("pg_conversion", 2607, "c", "conversion", "own.name || '.' || quote_ident(c.conname)")
        .with("JOIN own ON own.oid = c.connamespace"),
    catalogue("pg_ts_config", 3602, "c", "text search configuration", "own.name || '.' || quote_ident(c.cfgname)")
        .with("JOIN own ON own.oid = c.cfgnamespace"),
    catalogue("pg_ts_dict", 3600, "d", "text search dictionary", "own.name || '.' || quote_ident(d.dictname)")
        .with("JOIN own ON own.oid = d.dictnamespace"),
    catalogue("pg_ts_parser", 3601, "p", "text search parser", "own.name || '.' || quote_ident(p.prsname)")
        .with("JOIN own ON own.oid = p.prsnamespace"),
    catalogue("pg_ts_template", 3764, "t", "text search template", "own.name || '.' || quote_ident(t.tmplname)")
        .with("JOIN own ON own.oid = t.tmplnamespace"),
    catalogue("pg_language", 2612, "l", "language", "quote_ident(l.lanname)").where_(of_people!("l")),
    catalogue("pg_am", 2601, "a", "access method", "quote_ident(a.amname)").where_(of_people!("a")),
    catalogue("pg_transform", 3576, "f", "transform", "pg_catalog.format_type(f.trftype, NULL) || ' ' || quote_ident(l.lanname)")
        .with("JOIN pg_catalog.pg_language l ON l.oid = f.trflang"),
    catalogue("pg_foreign_data_wrapper", 2328, "w", "foreign data wrapper", "quote_ident(w.fdwname)"),
    catalogue("pg_foreign_server", 1417, "s", "server", "quote_ident(s.srvname)"),
    catalogue("pg_user_mapping", 1418, "m", "user mapping", "CASE WHEN m.umuser = 0 THEN 'public' WHEN pg_catalog.pg_get_userbyid(m.umuser) = {me} THEN 'CURRENT_USER' \
        ELSE quote_ident(pg_catalog.pg_get_userbyid(m.umuser)) END || ' ' || \
        (SELECT quote_ident(s.srvname) FROM pg_catalog.pg_foreign_server s WHERE s.oid = m.umserver)").restricted(),
    catalogue("pg_event_trigger", 3466, "e", "event trigger", "quote_ident(e.evtname)"),
    catalogue("pg_publication", 6104, "p", "publication", "quote_ident(p.pubname)"),
    catalogue("pg_subscription", 6100, "s", "subscription", "quote_ident(s.subname)")
        .where_("s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())")
        .restricted(),
    catalogue("pg_default_acl", 826, "d", "default privileges", "concat_ws(' ', CASE WHEN pg_catalog.pg_get_userbyid(d.defaclrole) = {me} THEN 'CURRENT_USER' \
        ELSE quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)) END, 'IN ' || nullif(d.defaclnamespace, 0)::regnamespace, \
        CASE d.defaclobjtype WHEN 'r' THEN 'ON TABLES' WHEN 'S' THEN 'ON SEQUENCES' WHEN 'f' THEN 'ON FUNCTIONS' \
        WHEN 'T' THEN 'ON TYPES' WHEN 'n' THEN 'ON SCHEMAS' ELSE 'ON ' || d.defaclobjtype::text END)"),
    catalogue("pg_statistic_ext", 3381, "s", "statistics", "own.name || '.' || quote_ident(s.stxname)")
        .with("JOIN own ON own.oid = s.stxnamespace")
        .part_of("s.stxrelid"),
];

/// What others are made of, by the catalogue of its parts: the object is altered where one of these is written
/// or goes.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    pub name: &'static str,
    pub number: u32,
    /// Where the whole is found.
    pub whole: &'static str,
    /// The whole's number, as an expression of `it`, the part.
    pub part_of: &'static str,
    /// A part's own number, where it has one.
    pub id: &'static str,
    /// From this major version on.
    pub since: u32,
}

const fn parts(
    name: &'static str,
    number: u32,
    whole: &'static str,
    part_of: &'static str,
) -> Parts {
    Parts {
        name,
        number,
        whole,
        part_of,
        id: "it.oid",
        since: 12,
    }
}

pub const PARTS: [Parts; 5] = [
    parts("pg_amop", 2602, "pg_opfamily", "it.amopfamily"),
    parts("pg_amproc", 2603, "pg_opfamily", "it.amprocfamily"),
    Parts {
        id: "(it.maptokentype::bigint * 65536 + it.mapseqno)::oid",
        ..parts("pg_ts_config_map", 3603, "pg_ts_config", "it.mapcfg")
    },
    parts("pg_publication_rel", 6106, "pg_publication", "it.prpubid"),
    Parts {
        since: 15,
        ..parts(
            "pg_publication_namespace",
            6237,
            "pg_publication",
            "it.pnpubid",
        )
    },
];

/// The catalogues that nearly every migration writes to, with their numbers.
pub const COMMON: [(&str, u32); 14] = [
    ("pg_class", 1259),
    ("pg_attribute", 1249),
    ("pg_attrdef", 2604),
    ("pg_constraint", 2606),
    ("pg_trigger", 2620),
    ("pg_inherits", 2611),
    ("pg_policy", 3256),
    ("pg_rewrite", 2618),
    ("pg_proc", 1255),
    ("pg_type", 1247),
    ("pg_enum", 3501),
    ("pg_namespace", 2615),
    ("pg_extension", 3079),
    ("pg_foreign_table", 3118),
];

/// All of them.
pub fn all() -> impl Iterator<Item = (&'static str, u32)> {
    let alone = ALONE.iter().map(|it| (it.name, it.number));
    let parts = PARTS.iter().map(|it| (it.name, it.number));
    COMMON.into_iter().chain(alone).chain(parts)
}

/// The kinds of what is in `pg_class`, by a row `c` of it.
const RELATION: &str = "CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' \
     WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END";

/// The same of `pg_proc`, by a row `p`.
const ROUTINE: &str =
    "CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END";

const ROUTINE_NAME: &str = "own.name || '.' || quote_ident(p.proname) || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'";

/// The same of `pg_type`, by a row `t`.
const TYPE: &str = "CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END";

/// Which types are none of a table, and none that another one brought.
const TYPE_ROWS: &str =
    "(t.typtype IN ('e', 'd', 'r') OR t.typtype = 'b' AND t.typcategory <> 'A')";

/// Puts kinds and names into a query: `{kind:pg_proc}`, `{name:pg_proc}`.
pub fn named(query: &str) -> String {
    let mut query = query
        .replace("{kind:pg_class}", RELATION)
        .replace("{kind:pg_proc}", ROUTINE)
        .replace("{name:pg_proc}", ROUTINE_NAME)
        .replace("{kind:pg_type}", TYPE)
        .replace("{rows:pg_type}", TYPE_ROWS);
    for catalogue in ALONE {
        let Catalogue {
            name, kind, named, ..
        } = catalogue;
        query = query
            .replace(&format!("{{kind:{name}}}"), &format!("'{kind}'"))
            .replace(&format!("{{name:{name}}}"), named);
    }
    query
}

/// The catalogue with this name.
pub fn alone(name: &str) -> Option<&'static Catalogue> {
    ALONE.iter().find(|catalogue| catalogue.name == name)
}
