//! `migrate impact`: what depends on an object or a column, to any depth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::whose::makers;
use super::{Context, Error};
use crate::database;
use crate::database::catalog::Object;
use crate::database::dependents::{Dependents, Edge};
use crate::database::ledger::makers::Maker;

/// An object that depends on what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpactRow {
    pub object: Object,
    /// The object that it cannot be without, as `kind name`.
    part_of: Option<String>,
    pub maker: Option<Maker>,
    /// How many steps away.
    pub depth: usize,
    /// The name of what it depends on, the last step of the way.
    pub via: String,
    /// Does the server know every step, or is one a guess?
    pub certain: bool,
}

/// # Errors
/// A name that no object has.
pub fn impact(context: &Context, names: &[String]) -> Result<Vec<ImpactRow>, Error> {
    let mut database = context
        .address()?
        .dial(&context.caller.interrupt)?
        .answer()?;
    let dependents = database.dependents(names)?;
    let is_missing = |name: &&String| !dependents.found.contains(name);
    let missing: Vec<_> = names.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        return Err(database::Error::NoSuchObject { names: missing }.into());
    }
    let makers = makers(&mut database)?;
    let mut rows = rows(&dependents);
    for row in &mut rows {
        row.maker = makers.maker(&row.object, row.part_of.as_deref()).cloned();
    }
    Ok(rows)
}

/// How an object is reached.
struct Way<'a> {
    depth: usize,
    /// The nearest object before it that has a name.
    via: &'a str,
    certain: bool,
}

/// The shortest way to each object, a certain one before any guess.
fn rows(dependents: &Dependents) -> Vec<ImpactRow> {
    let mut from: BTreeMap<Option<&str>, Vec<&Edge>> = BTreeMap::new();
    for edge in &dependents.edges {
        from.entry(edge.from.as_deref()).or_default().push(edge);
    }
    let starts = from.get(&None).cloned().unwrap_or_default();
    // What is part of a table goes with it, and is no news.
    let whole: BTreeSet<String> = starts
        .iter()
        .filter_map(|edge| edge.object.as_ref())
        .map(|(kind, name)| format!("{kind} {name}"))
        .collect();
    let is_own = |edge: &Edge| {
        let default =
            |(kind, name): &Object| kind == "default" && whole.contains(&format!("column {name}"));
        edge.part_of.as_ref().is_some_and(|it| whole.contains(it))
            || edge.object.as_ref().is_some_and(default)
    };
    let mut ways: BTreeMap<&str, (&Edge, Way<'_>)> = BTreeMap::new();
    for guesses in [false, true] {
        walk(&from, &starts, guesses, &mut ways);
    }
    let mut rows: Vec<_> = ways
        .into_values()
        .filter(|(edge, way)| way.depth > 0 && !is_own(edge))
        .filter_map(|(edge, way)| {
            Some(ImpactRow {
                object: edge.object.clone()?,
                part_of: edge.part_of.clone(),
                maker: None,
                depth: way.depth,
                via: way.via.to_owned(),
                certain: way.certain,
            })
        })
        .collect();
    rows.sort_by(|one, other| {
        (one.depth, &one.object.1, &one.object.0).cmp(&(
            other.depth,
            &other.object.1,
            &other.object.0,
        ))
    });
    rows
}

/// Goes on from everything that is reached, in steps; by certain edges only, or by all.
fn walk<'a>(
    from: &BTreeMap<Option<&str>, Vec<&'a Edge>>,
    starts: &[&'a Edge],
    guesses: bool,
    ways: &mut BTreeMap<&'a str, (&'a Edge, Way<'a>)>,
) {
    for start in starts {
        let way = Way {
            depth: 0,
            via: "",
            certain: true,
        };
        ways.entry(&start.address).or_insert((start, way));
    }
    let mut waiting: VecDeque<_> = ways
        .values()
        .map(|(edge, way)| (way.depth, *edge))
        .collect();
    waiting.make_contiguous().sort_by_key(|(depth, _)| *depth);
    while let Some((_, edge)) = waiting.pop_front() {
        let Some((_, way)) = ways.get(edge.address.as_str()) else {
            continue;
        };
        // One of the server's own is no step.
        let (depth, via) = match &edge.object {
            Some((_, name)) => (way.depth + 1, name.as_str()),
            None => (way.depth, way.via),
        };
        let is_certain = way.certain;
        for next in from.get(&Some(edge.address.as_str())).into_iter().flatten() {
            if ways.contains_key(next.address.as_str()) || !(guesses || next.certain) {
                continue;
            }
            let way = Way {
                depth,
                via,
                certain: is_certain && next.certain,
            };
            waiting.push_back((depth, next));
            ways.insert(&next.address, (next, way));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(name: &str, part_of: Option<&str>, from: Option<&str>, certain: bool) -> Edge {
        Edge {
            object: (!name.starts_with('#')).then(|| ("view".to_owned(), name.to_owned())),
            part_of: part_of.map(str::to_owned),
            certain,
            address: name.to_owned(),
            from: from.map(str::to_owned),
        }
    }

    fn told(edges: Vec<Edge>) -> Vec<String> {
        let found = vec![];
        rows(&Dependents { found, edges })
            .iter()
            .map(|row| format!("{} {} {} {}", row.depth, row.object.1, row.via, row.certain))
            .collect()
    }

    #[test]
    fn a_certain_way_counts_before_a_shorter_guess() {
        assert_eq!(
            told(vec![
                edge("t", None, None, true),
                edge("far", None, Some("t"), false),
                edge("a", None, Some("t"), true),
                edge("far", None, Some("a"), true),
                edge("guess", None, Some("t"), false),
                edge("on", None, Some("guess"), true),
            ]),
            [
                "1 a t true",
                "1 guess t false",
                "2 far a true",
                "2 on guess false"
            ]
        );
    }

    #[test]
    fn circles_end_and_the_servers_own_are_no_step() {
        assert_eq!(
            told(vec![
                edge("t", None, None, true),
                edge("#internal", None, Some("t"), true),
                edge("own", Some("view t"), Some("t"), true),
                edge("v", None, Some("#internal"), true),
                edge("t", None, Some("v"), true),
                edge("w", None, Some("own"), true),
            ]),
            ["1 v t true", "2 w own true"]
        );
    }
}
