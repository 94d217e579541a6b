//! Checks that are closures: evaluated by the shell that called, with all that it knows.
//! Must not know where they come from.

use std::time::Instant;

use nu_plugin::EngineInterface;
use nu_protocol::engine::Closure;
use nu_protocol::{LabeledError, PipelineData, ShellError, Span, Spanned, Value};

use super::caller::result_of;
use super::{Check, Complaint, Label, Rejection};
use crate::tree::Name;

/// A closure and where it stands: `--check`, or the plugin's configuration.
#[derive(Debug, Clone)]
pub struct Source {
    /// How it is called in reports.
    pub origin: &'static str,
    /// The closure, with its place in the shell's source.
    pub closure: Spanned<Closure>,
}

/// The closures of a command, and the shell that evaluates them.
pub struct Closures {
    engine: EngineInterface,
    sources: Vec<Source>,
}

impl Closures {
    pub fn new(engine: EngineInterface, sources: Vec<Source>) -> Self {
        Self { engine, sources }
    }

    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Evaluates all of them for one migration.
    ///
    /// # Errors
    /// The first that fails or gives `false`.
    pub fn check(&self, name: &Name, record: &Value) -> Result<Vec<Check>, Rejection> {
        let evaluate = |source: &Source| {
            let started = Instant::now();
            let answer = evaluate_in(&self.engine, source, record);
            let check = format!("{} for {name}", source.origin);
            let duration = started.elapsed();
            match answer.and_then(verdict) {
                Ok(value) => Ok(Check {
                    check,
                    duration,
                    output: vec![],
                    result: result_of(&value),
                }),
                Err(mut complaint) => {
                    complaint
                        .labels
                        .push(label("in this check", source.closure.span));
                    Err(Rejection {
                        check,
                        duration,
                        output: vec![],
                        complaint,
                    })
                }
            }
        };
        self.sources.iter().map(evaluate).collect()
    }
}

fn evaluate_in(
    engine: &EngineInterface,
    source: &Source,
    record: &Value,
) -> Result<Value, Complaint> {
    let input = PipelineData::value(record.clone(), None);
    let output = engine
        .eval_closure_with_stream(&source.closure, vec![record.clone()], input, true, false)
        .map_err(|error| complaint(&error))?;
    if let PipelineData::ByteStream(..) = output {
        return Err(Complaint {
            message: "it ends with a program, and a failure of this program would not be seen"
                .to_owned(),
            help: Some(
                "put the program's output into a variable, as in `let found = (^grep TODO \
                 $migration.file); $found`, or end the closure with `| complete`"
                    .to_owned(),
            ),
            ..Complaint::default()
        });
    }
    match output.into_value(source.closure.span) {
        Ok(Value::Error { error, .. }) => Err(complaint(&error)),
        Ok(value) => Ok(value),
        Err(error) => Err(complaint(&error)),
    }
}

/// The closures in a value: one, or a list of them. The error is what stands there instead.
pub fn closures_of(value: &Value, origin: &'static str) -> Result<Vec<Source>, String> {
    match value {
        Value::Closure { val, .. } => Ok(vec![Source {
            origin,
            closure: Spanned {
                item: (**val).clone(),
                span: value.span(),
            },
        }]),
        Value::List { vals, .. } => {
            let all: Result<Vec<_>, _> = vals
                .iter()
                .map(|value| closures_of(value, origin))
                .collect();
            Ok(all?.into_iter().flatten().collect())
        }
        other => Err(format!(
            "expected a closure or a list of closures, got a {}",
            other.get_type()
        )),
    }
}

fn verdict(value: Value) -> Result<Value, Complaint> {
    match value {
        Value::Bool { val: false, .. } => Err(Complaint::of_false()),
        other => Ok(other),
    }
}

fn complaint(error: &ShellError) -> Complaint {
    let error = deepest(LabeledError::from_diagnostic(error));
    Complaint {
        message: error.msg,
        help: error.help,
        labels: error
            .labels
            .iter()
            .map(|found| label(&found.text, found.span))
            .collect(),
        ..Complaint::default()
    }
}

/// `each` and its like wrap an error in one of their own, which says nothing.
fn deepest(error: LabeledError) -> LabeledError {
    let is_wrapper = error
        .code
        .as_ref()
        .is_some_and(|code| code.contains("eval_block_with_input"));
    match error.inner.first() {
        Some(inner) if is_wrapper => match inner {
            ShellError::LabeledError(inner) => deepest((**inner).clone()),
            other => deepest(LabeledError::from_diagnostic(other)),
        },
        _ => error,
    }
}

fn label(text: &str, span: Span) -> Label {
    Label {
        text: text.to_owned(),
        start: span.start,
        end: span.end,
    }
}
