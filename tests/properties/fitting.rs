//! How a file fits into a transaction: every combination of what it holds and what is asked for.

use nu_plugin_migrate::testing::{Fit, Inspection, TransactionControl, Violation, fit};

use super::migration;

fn violation(found: &str) -> Violation {
    Violation {
        path: "/db/a.sql".into(),
        line: 1,
        found: found.to_owned(),
    }
}

#[test]
fn each_combination_fits_as_documented_or_names_all_that_forbids_it() {
    use TransactionControl::{Refuse, Separate, Unwrap};
    const PAIR: [std::ops::Range<usize>; 2] = [0..6, 9..16];
    // What becomes of a file with transaction control of its own; `None` is refused.
    let taken = [
        (Refuse, None, None),
        (Refuse, Some(PAIR), None),
        (Separate, None, Some(Fit::NoTransaction)),
        (Separate, Some(PAIR), Some(Fit::NoTransaction)),
        (Unwrap, None, None),
        (Unwrap, Some(PAIR), Some(Fit::Unwrapped(PAIR))),
    ];
    let own = [vec![], vec![violation("BEGIN"), violation("COMMIT")]];
    let never = [vec![], vec![violation("\\q"), violation("\\c")]];
    let mut combinations = 0;
    for (control, pair, if_own) in &taken {
        for setting in [Refuse, Separate, Unwrap] {
            for is_said_by_directive in [true, false] {
                if !is_said_by_directive && setting != *control {
                    continue;
                }
                for transaction_control in &own {
                    for forbidden in &never {
                        for no_transaction in [true, false] {
                            for adds_enum_value in [true, false] {
                                let mut file = migration("20240101000000_core_a.sql");
                                file.directives.no_transaction = no_transaction;
                                file.directives.transaction_control =
                                    is_said_by_directive.then_some(*control);
                                let inspection = Inspection {
                                    transaction_control: transaction_control.clone(),
                                    forbidden: forbidden.clone(),
                                    bearable: vec![],
                                    outside: vec![],
                                    misread: vec![],
                                    outer_pair: pair.clone(),
                                    adds_enum_value,
                                    plain: None,
                                };
                                let context = format!("{:?} {inspection:?}", file.directives);
                                let expected = if no_transaction {
                                    Some(Fit::NoTransaction)
                                } else if transaction_control.is_empty() {
                                    Some(Fit::Whole)
                                } else {
                                    if_own.clone()
                                };
                                let mut named = forbidden.clone();
                                if expected.is_none() {
                                    named.extend(transaction_control.clone());
                                }
                                match fit(&file, inspection, setting) {
                                    Ok(step) => {
                                        assert!(named.is_empty(), "{context}");
                                        assert_eq!(Some(step.fit), expected, "{context}");
                                        assert_eq!(step.adds_enum_value, adds_enum_value);
                                        assert_eq!(step.migration, file);
                                    }
                                    Err(found) => assert_eq!(found, named, "{context}"),
                                }
                                combinations += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(combinations, 6 * 4 * 16);
}
