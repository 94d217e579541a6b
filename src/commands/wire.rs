//! What goes to nushell: MessagePack. Of a table, structs are arrays and not maps with names, which
//! nushell reads as well: a third less to write and to read. Must not know what a table is about.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nu_plugin::MsgPackSerializer;
use nu_plugin_core::{Encoder, PluginWrite};
use nu_plugin_protocol::{PipelineDataHeader, PluginCallResponse, PluginOutput};
use nu_protocol::ShellError;
use serde::Serialize;

/// As much as nushell reads at once.
const BUFFER: usize = 16 * 1024;

/// The plugin's way to nushell.
pub struct Wire(Mutex<BufWriter<File>>);

impl Wire {
    pub fn new(output: File) -> Self {
        Self(Mutex::new(BufWriter::with_capacity(BUFFER, output)))
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginWrite<PluginOutput> for Wire {
    fn write(&self, message: &PluginOutput) -> Result<(), ShellError> {
        encode(message, &mut *self.lock())
    }

    fn flush(&self) -> Result<(), ShellError> {
        let flushed = self.lock().flush();
        flushed.map_err(|error| ShellError::PluginFailedToEncode {
            msg: error.to_string(),
        })
    }

    /// The protocol has it to itself.
    fn is_stdout(&self) -> bool {
        true
    }
}

fn encode(message: &PluginOutput, output: &mut impl Write) -> Result<(), ShellError> {
    if !is_table(message) {
        return MsgPackSerializer.encode(message, output);
    }
    message
        .serialize(&mut rmp_serde::Serializer::new(output))
        .map_err(|error| ShellError::PluginFailedToEncode {
            msg: error.to_string(),
        })
}

/// Is it a table, or a row of one?
fn is_table(message: &PluginOutput) -> bool {
    matches!(
        message,
        PluginOutput::Data(..)
            | PluginOutput::CallResponse(
                _,
                PluginCallResponse::PipelineData(PipelineDataHeader::Value(..))
            )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use nu_plugin_protocol::StreamData;
    use nu_protocol::{Span, Value, record};

    /// Every kind of cell that a table has, read as nushell reads it.
    #[test]
    fn nushell_reads_what_is_written() {
        let span = Span::new(3, 300);
        let row = Value::record(
            record! {
                "text" => Value::string("ü'\n", span),
                "number" => Value::int(-1 << 40, span),
                "flag" => Value::bool(true, span),
                "length" => Value::duration(5, span),
                "moment" => Value::date(DateTime::UNIX_EPOCH.fixed_offset(), span),
                "texts" => Value::list(vec![Value::string("", span)], span),
                "nothing" => Value::nothing(span),
            },
            span,
        );
        let mut bytes = Vec::new();
        let message = PluginOutput::Data(1, StreamData::List(row.clone()));
        encode(&message, &mut bytes).unwrap();
        let mut named = Vec::new();
        MsgPackSerializer.encode(&message, &mut named).unwrap();
        assert!(bytes.len() * 4 < named.len() * 3, "{}", bytes.len());
        let read: Option<PluginOutput> = MsgPackSerializer.decode(&mut bytes.as_slice()).unwrap();
        let Some(PluginOutput::Data(1, StreamData::List(read))) = read else {
            panic!("{read:?}");
        };
        assert_eq!(read, row);
        assert_eq!(read.span(), span);
    }
}
